"""What the warehouse must say of a range at a watermark, by group and by step."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction

from tests.warehouse.funnel_reference.attempts import Outcome, outcomes
from tests.warehouse.funnel_reference.counting import (
    seconds_from_entry,
    seconds_from_previous,
    step_counts,
    summary,
    totals,
)
from tests.warehouse.funnel_reference.definitions import Breakdown, Funnel, Row
from tests.warehouse.funnel_reference.rules import LEFT, Rules

RULES = Rules()
Group = tuple[str, str]
TOTAL: Group = ("total", "")
# What times are counted in, and how many parts the window has by default.
PRECISION, BINS = 6, 14
TIMES = ("median", "p75", "p90", "mean")


def results(
    rows: Sequence[Row],
    funnel: Funnel,
    *,
    watermark: datetime,
    entered_on: date | None = None,
) -> dict[tuple[str, str, int], dict[str, object]]:
    """Return figures by group (of the breakdown, and its value) and step, from 1."""
    found = outcomes(rows, funnel, watermark=watermark, entered_on=entered_on)
    groups: dict[Group, list[Outcome]] = {TOTAL: found}
    folded: dict[Group, int] = {}
    if funnel.breakdown:
        groups |= grouped(found, funnel.breakdown, folded)
    return {
        (*group, place + 1): figures | {"folded_value_count": folded.get(group, 0)}
        for group, of_group in groups.items()
        for place, figures in enumerate(_figures(of_group, funnel))
    }


def grouped(
    found: Sequence[Outcome], by: Breakdown, folded: dict[Group, int]
) -> dict[Group, list[Outcome]]:
    """Return outcomes by the value they count under, and how many values are folded."""
    values: dict[str | None, list[Outcome]] = defaultdict(list)
    for each in found:
        values[RULES.value_of(each.attempt, by)].append(each)
    ranked = sorted(
        values,
        key=lambda value: (
            -sum(each.state != LEFT for each in values[value]),
            value is None,
            value or "",
        ),
    )
    groups: dict[Group, list[Outcome]] = {}
    for place, value in enumerate(ranked):
        if not RULES.keeps(place, by):
            group = ("other", "")
            folded[group] = folded.get(group, 0) + 1
        else:
            group = ("missing", "") if value is None else ("value", value)
        groups.setdefault(group, []).extend(values[value])
    return groups


def _figures(found: Sequence[Outcome], funnel: Funnel) -> list[dict[str, object]]:
    whole = totals(found)
    counts = step_counts(found, funnel)
    mature = [each for each in found if each.is_mature]
    mature_counts = step_counts(mature, funnel)
    shared = {
        "entry_count": whole.entered,
        "completed_count": whole.completed,
        "in_progress_count": whole.in_progress,
        "excluded_count": whole.excluded,
        "dropped_count": whole.dropped,
        "left_count": whole.left,
        "tied_count": whole.tied,
        "overall_rate": _share(whole.completed, whole.entered),
        "headline_rate": _share(whole.mature_completed, whole.mature),
        "mature_entry_count": whole.mature,
    }
    return [
        shared
        | {
            "unit_count": counts[place],
            "mature_count": mature_counts[place],
            "rate_from_entry": _share(counts[place], whole.entered),
            "rate_from_previous": _from_previous(counts, place, funnel),
            "drop_off_count": _drop_off(counts, place, funnel),
        }
        | _times(found, place, funnel)
        for place in range(len(funnel.steps))
    ]


def _share(count: int, of: int) -> float | None:
    return round(count / of, PRECISION) if of else None


def _from_previous(counts: Sequence[int], place: int, funnel: Funnel) -> float | None:
    before = [each for each in funnel.required if each < place]
    return _share(counts[place], counts[before[-1]]) if before else None


def _drop_off(counts: Sequence[int], place: int, funnel: Funnel) -> int | None:
    after = [each for each in funnel.required if each > place]
    if place not in funnel.required or not after:
        return None
    return counts[place] - counts[after[0]]


def _times(found: Sequence[Outcome], place: int, funnel: Funnel) -> dict[str, object]:
    from_entry = seconds_from_entry(found, place)
    named = {"entry": summary(from_entry)}
    named["previous"] = summary(seconds_from_previous(found, place))
    times: dict[str, object] = {
        f"{name}_seconds_from_{origin}": _rounded(told[name])
        for origin, told in named.items()
        for name in TIMES
    }
    return times | {"time_histogram": _histogram(from_entry, funnel)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, PRECISION)


def _histogram(times: Sequence[float], funnel: Funnel) -> list[int]:
    """Return how many times lie in each equal part of the window, its end included."""
    window = Fraction(funnel.window.total_seconds())
    bins = [min(Fraction(time) * BINS // window, BINS - 1) for time in times]
    return [bins.count(number) for number in range(BINS)]
