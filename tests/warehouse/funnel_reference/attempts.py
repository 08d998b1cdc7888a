"""Every choice of rows tried: candidates of a unit, and what counts of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tests.warehouse.funnel_reference.definitions import Funnel, Path, Row, Visit
from tests.warehouse.funnel_reference.rules import LEFT, Rules

RULES = Rules()


@dataclass(frozen=True)
class Attempt:
    """A start, its counted path, and what ended it where it was not completed."""

    unit: str
    path: Path
    funnel: Funnel
    ended_by: Row | None
    is_tied: bool
    drops_unit: bool = False

    @property
    def start(self) -> Row:
        return self.path[0].row

    @property
    def window_ends_at(self) -> datetime:
        return self.start.occurred_at + self.funnel.window

    @property
    def required(self) -> Sequence[Row]:
        """The rows of the required steps that were reached."""
        steps = self.funnel.steps
        return [visit.row for visit in self.path if not steps[visit.step].is_optional]

    @property
    def depth(self) -> int:
        """How many required steps were reached."""
        return len(self.required)

    @property
    def is_complete(self) -> bool:
        return self.depth == len(self.funnel.required)

    @property
    def places(self) -> tuple[int, ...]:
        """The steps reached; where any order goes, as many places as were reached."""
        if self.funnel.order == "any_order":
            return tuple(range(len(self.path)))
        return tuple(visit.step for visit in self.path)

    def row_at(self, place: int) -> Row | None:
        """Return the row that was counted at a place."""
        taken = dict(zip(self.places, self.path, strict=True))
        return taken[place].row if place in taken else None


def paths(
    start: Row, rows: Sequence[Row], funnel: Funnel, rules: Rules = RULES
) -> Iterator[Path]:
    """Yield every path from a start: every choice of rows that keeps the rules."""
    for step in rules.next_steps((), funnel):
        if rules.is_any(start, funnel.steps[step].alternatives):
            yield from _longer((Visit(step, start),), rows, funnel, rules)


def _longer(
    path: Path, rows: Sequence[Row], funnel: Funnel, rules: Rules
) -> Iterator[Path]:
    yield path
    for step in rules.next_steps(path, funnel):
        for row in rows:
            visit = Visit(step, row)
            if _may_follow(visit, path, funnel, rules):
                longer = (*path, visit)
                if rules.is_uninterrupted(longer, rows, funnel) and rules.is_clean(
                    longer, rows, funnel
                ):
                    yield from _longer(longer, rows, funnel, rules)


def _may_follow(visit: Visit, path: Path, funnel: Funnel, rules: Rules) -> bool:
    start = path[0].row
    return (
        rules.is_any(visit.row, funnel.steps[visit.step].alternatives)
        and rules.is_unused(visit.row, path)
        and rules.is_in_order(visit.row, path, funnel)
        and rules.is_in_window(visit.row, start, funnel)
        and rules.is_in_step_window(visit, path, funnel)
        and rules.is_held(visit.row, start, funnel)
    )


def attempt_from(
    start: Row, rows: Sequence[Row], funnel: Funnel, rules: Rules = RULES
) -> Attempt:
    """Return the attempt of a start: the path that counts among all of its paths."""
    path = rules.choose(list(paths(start, rows, funnel, rules)), funnel)
    ends = []
    if rules.depth(path, funnel) < len(funnel.required):
        found = [
            (rules.ends(each, path, rows, funnel), each) for each in funnel.exclusions
        ]
        ends = sorted(
            ((row, each) for row, each in found if row is not None),
            key=lambda end: end[0].position,
        )
    return Attempt(
        start.unit,
        path,
        funnel,
        ended_by=ends[0][0] if ends else None,
        is_tied=rules.is_tied(path),
        drops_unit=any(rules.drops_unit(each) for _, each in ends),
    )


def candidates(
    rows: Sequence[Row], funnel: Funnel, rules: Rules = RULES
) -> list[Attempt]:
    """Return the attempt of every candidate start, in the order of the starts."""
    seen = sorted(
        (row for row in rows if rules.sees(row, funnel)), key=lambda row: row.position
    )
    return [
        attempt_from(row, seen, funnel, rules)
        for row in seen
        if rules.is_candidate(row, funnel)
    ]


def sequence(
    rows: Sequence[Row], funnel: Funnel, rules: Rules = RULES
) -> list[Attempt]:
    """Return the attempts of totals: one at a time, closed before another opens."""
    seen = sorted(
        (row for row in rows if rules.sees(row, funnel)), key=lambda row: row.position
    )
    starts = [row for row in seen if rules.is_candidate(row, funnel)]
    found: list[Attempt] = []
    while starts:
        start, starts = starts[0], starts[1:]
        closed = found[-1] if found else None
        usable = [
            row for row in seen if closed is None or rules.is_closed_before(closed, row)
        ]
        attempt = attempt_from(start, usable, funnel, rules)
        if rules.restarts(funnel) and starts:
            before = [row for row in usable if row.position < starts[0].position]
            attempt = attempt_from(start, before, funnel, rules)
            if not rules.is_closed_before(attempt, starts[0]):
                continue
        found.append(attempt)
        starts = [row for row in starts if rules.is_closed_before(attempt, row)]
    return found


@dataclass(frozen=True)
class Outcome:
    """What counts of a unit, or one attempt of it where attempts are counted."""

    attempt: Attempt
    state: str
    is_mature: bool


def outcomes(
    rows: Sequence[Row],
    funnel: Funnel,
    *,
    watermark: datetime,
    entered_on: date | None = None,
    rules: Rules = RULES,
) -> list[Outcome]:
    """Return what counts, over the whole range or over the entries of one day."""
    units: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        session = rules.session_of(row, funnel)
        if session is not None:
            units[row.unit, *session].append(row)
    find = sequence if funnel.counting == "totals" else candidates
    attempts = {
        key: [
            each
            for each in find(unit_rows, funnel, rules)
            if rules.is_of_day(each, entered_on)
        ]
        for key, unit_rows in units.items()
    }
    # One attempt that meets such an exclusion takes the others with it.
    left = {
        rules.leaver(key)
        for key, listed in attempts.items()
        if any(each.drops_unit for each in listed)
    }
    found = []
    for key, listed in attempts.items():
        if funnel.counting == "totals":
            groups = [[each] for each in listed]
        else:
            groups = [listed] if listed else []
        leaves = rules.leaver(key) in left
        found += [
            _outcome(group, watermark, leaves=leaves, rules=rules) for group in groups
        ]
    return found


def _outcome(
    group: Sequence[Attempt], watermark: datetime, *, leaves: bool, rules: Rules
) -> Outcome:
    best = rules.best(group)
    is_open = any(rules.is_open(each.window_ends_at, watermark) for each in group)
    state = LEFT if leaves else rules.state(best, is_open=is_open)
    return Outcome(best, state, is_mature=not is_open)
