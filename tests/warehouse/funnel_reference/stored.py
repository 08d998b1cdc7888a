"""What the warehouse must store of drawn funnels and histories, row by row."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tests.warehouse.funnel_reference.attempts import Attempt, candidates, sequence
from tests.warehouse.funnel_reference.definitions import Funnel, Row
from tests.warehouse.funnel_reference.rules import Rules
from tests.warehouse.reference_sessions import hashed_key


@dataclass(frozen=True)
class Stored:
    """One row of `funnel_attempts`: the best of a unit's candidates of a day.

    Or one attempt, where those are counted. Two sessions of a unit never begin at one
    instant, so `entered_at` tells them apart.
    """

    unit_id: str
    entered_on: date
    entered_at: datetime
    depth: int
    is_completed: bool
    reached_at: tuple[datetime | None, ...]
    window_ends_at: datetime
    excluded_at: datetime | None
    drops_unit: bool
    is_tied: bool
    breakdown_value: str | None
    candidate_count: int


def stored_rows(
    rows: Sequence[Row], funnel: Funnel, rules: Rules | None = None
) -> list[Stored]:
    """Return the rows of one funnel, whatever their order."""
    rules = rules or Rules()
    units: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        session = rules.session_of(row, funnel)
        if session is not None:
            units[row.unit, *session].append(row)
    find = sequence if funnel.counting == "totals" else candidates
    found = []
    for of_unit in units.values():
        days: dict[date, list[Attempt]] = defaultdict(list)
        for attempt in find(of_unit, funnel, rules):
            days[attempt.start.entered_on].append(attempt)
        for attempts in days.values():
            found += _rows_of_day(attempts, funnel, rules)
    return found


def _rows_of_day(
    attempts: Sequence[Attempt], funnel: Funnel, rules: Rules
) -> list[Stored]:
    if funnel.counting == "totals":
        return [_row([each], funnel, rules) for each in attempts]
    return [_row(attempts, funnel, rules)]


def _row(group: Sequence[Attempt], funnel: Funnel, rules: Rules) -> Stored:
    best = rules.best(group)
    by = funnel.breakdown
    reached = [best.row_at(place) for place in range(len(funnel.steps))]
    return Stored(
        unit_id=hashed_key("device", best.unit),
        entered_on=best.start.entered_on,
        entered_at=best.start.occurred_at,
        depth=best.depth,
        is_completed=best.is_complete,
        reached_at=tuple(row and row.occurred_at for row in reached),
        window_ends_at=max(each.window_ends_at for each in group),
        excluded_at=best.ended_by and best.ended_by.occurred_at,
        drops_unit=any(each.drops_unit for each in group),
        is_tied=best.is_tied,
        breakdown_value=rules.value_of(best, by) if by else None,
        candidate_count=len(group),
    )
