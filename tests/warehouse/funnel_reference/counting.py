"""Tables of a funnel told outcome by outcome: counts, rates, times, breakdowns."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean, median

from tests.warehouse.funnel_reference.attempts import Outcome
from tests.warehouse.funnel_reference.definitions import Breakdown, Funnel, Row
from tests.warehouse.funnel_reference.rules import LEFT, Rules

RULES = Rules()


@dataclass(frozen=True)
class Totals:
    """How many entered, and what became of them."""

    entered: int
    completed: int
    mature: int
    mature_completed: int
    in_progress: int
    dropped: int
    excluded: int
    left: int
    tied: int

    @property
    def headline_rate(self) -> Fraction | None:
        """Completed by completed, dropped and excluded: mature attempts only."""
        return Fraction(self.mature_completed, self.mature) if self.mature else None

    @property
    def all_entrants_rate(self) -> Fraction | None:
        """Completed by all who entered, however long ago."""
        return Fraction(self.completed, self.entered) if self.entered else None


def totals(found: Sequence[Outcome], rules: Rules = RULES) -> Totals:
    """Count the outcomes by state; units that left the funnel are only counted."""
    states = [each.state for each in found]
    headline = [
        each
        for each in found
        if rules.is_in_headline(each.state, is_mature=each.is_mature)
    ]
    return Totals(
        entered=len(found) - states.count(LEFT),
        completed=states.count("completed"),
        mature=len(headline),
        mature_completed=sum(each.state == "completed" for each in headline),
        in_progress=states.count("in_progress"),
        dropped=states.count("dropped"),
        excluded=states.count("excluded"),
        left=states.count(LEFT),
        tied=sum(each.attempt.is_tied for each in found if each.state != LEFT),
    )


def step_counts(found: Sequence[Outcome], funnel: Funnel) -> list[int]:
    """Return how many reached each step, a zero where nobody did."""
    kept = [each.attempt for each in found if each.state != LEFT]
    return [
        sum(place in attempt.places for attempt in kept)
        for place in range(len(funnel.steps))
    ]


def seconds_from_entry(
    found: Sequence[Outcome], place: int, rules: Rules = RULES
) -> list[float]:
    """Return the times to a place on counted paths of mature attempts, sorted."""
    times = []
    for each in found:
        row = each.attempt.row_at(place)
        if row is not None and rules.is_timed(each.state, is_mature=each.is_mature):
            times.append(_seconds(each.attempt.start, row))
    return sorted(times)


def seconds_from_previous(
    found: Sequence[Outcome], place: int, rules: Rules = RULES
) -> list[float]:
    """Return the times to a place from the required step before it, sorted."""
    times = []
    for each in found:
        path, taken = each.attempt.path, each.attempt.places
        is_timed = rules.is_timed(each.state, is_mature=each.is_mature)
        if is_timed and place in taken[1:]:
            index = taken.index(place)
            anchor = rules.anchor(path[:index], each.attempt.funnel)
            times.append(_seconds(anchor, path[index].row))
    return sorted(times)


def _seconds(one: Row, other: Row) -> float:
    """Return how long after one row the other was; no time is below zero."""
    return max(0.0, (other.occurred_at - one.occurred_at).total_seconds())


def summary(times: Sequence[float]) -> dict[str, float | None]:
    """Return mean, median and the percentiles that lie between two times."""
    if not times:
        return dict.fromkeys(("mean", "median", "p75", "p90"))
    return {
        "mean": mean(times),
        "median": median(times),
        "p75": _percentile(times, Fraction(3, 4)),
        "p90": _percentile(times, Fraction(9, 10)),
    }


def _percentile(times: Sequence[float], share: Fraction) -> float:
    place = share * (len(times) - 1)
    low = int(place)
    high = min(low + 1, len(times) - 1)
    return times[low] + float(place - low) * (times[high] - times[low])


@dataclass(frozen=True)
class Slice:
    """The counts of one value of a breakdown, or of the folded tail."""

    counts: list[int]
    folded: int = 0


def broken_down(
    found: Sequence[Outcome], funnel: Funnel, by: Breakdown, rules: Rules = RULES
) -> dict[str | None, Slice]:
    """Return counts per step by value; the tail stands under the name `other`."""
    groups: dict[str | None, list[Outcome]] = defaultdict(list)
    for each in found:
        if each.state != LEFT:
            groups[rules.value_of(each.attempt, by)].append(each)
    # Most entries first; among equals by value, the missing one last.
    ranked = sorted(
        groups, key=lambda value: (-len(groups[value]), value is None, value or "")
    )
    kept = [value for place, value in enumerate(ranked) if rules.keeps(place, by)]
    tail = ranked[len(kept) :]
    slices = {value: Slice(step_counts(groups[value], funnel)) for value in kept}
    if tail:
        others = [each for value in tail for each in groups[value]]
        slices["other"] = Slice(step_counts(others, funnel), len(tail))
    return slices


def reach(rows: Sequence[Row], funnel: Funnel, rules: Rules = RULES) -> list[int]:
    """Return how many units satisfied each step at all: no funnel, a count beside."""
    return [
        len({row.unit for row in rows if rules.is_any(row, step.alternatives)})
        for step in funnel.steps
    ]
