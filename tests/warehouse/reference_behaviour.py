"""Retention, lifecycles, trends and active persons by brute force, from their meaning.

Nothing here shares a line with the models: each cell asks every unit anew, and periods
are found by stepping through a calendar (SEMANTICS 2.4 and 2.8).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.warehouse.reference_periods import UTC_CLOCK, Clock


@dataclass(frozen=True)
class Act:
    """Something that a unit did."""

    unit: str
    name: str
    at: datetime
    position: tuple
    amount: Decimal | None = None
    currency: str | None = None
    plan: str | None = None


@dataclass(frozen=True)
class Grid:
    """A retention grid in the words of its file."""

    start: str
    back: str
    occurs: str = "first_ever"
    mode: str = "on"
    brackets: tuple = ()
    rolling_hours: int | None = None
    period: str = "week"
    periods: int = 3
    clock: Clock = UTC_CLOCK
    period_zero: str = "return_after_start"
    has_amount: bool = False
    has_breakdown: bool = False

    @property
    def is_zero_full(self):
        return self.start == self.back or self.period_zero == "start"


def retention(grid, acts):
    """Return cells: (cohort start, split, currency, index) to unit count, returned and
    amount, with when the period is over."""
    cohorts = defaultdict(list)
    for unit_acts in _by_unit(acts).values():
        for started, split in _starts(grid, unit_acts):
            cohort = grid.clock.start(started, _cohort_period(grid))
            cohorts[cohort.astimezone(UTC), split].append((started, unit_acts))
    cells = {}
    for (cohort, split), members in cohorts.items():
        returns = [_returns(grid, cohort, *member) for member in members]
        paid = [_paid(grid, cohort, *member) for member in members]
        currencies = {currency for each in paid for _, currency in each} or {""}
        for index, (first, last) in enumerate(_spans(grid)):
            count = sum(_counts(grid, each, first, last) for each in returns)
            for currency in currencies:
                amount = sum(each.get((index, currency), Decimal(0)) for each in paid)
                cells[cohort, split, currency, index] = (
                    *(len(members), count, amount),
                    _ends(grid, cohort, last).astimezone(UTC),
                )
    return cells


def _cohort_period(grid):
    return "day" if grid.rolling_hours else grid.period


def _spans(grid):
    if grid.mode == "brackets":
        return grid.brackets
    return [(index, index) for index in range(grid.periods + 1)]


def _starts(grid, acts):
    found = {}
    for act in acts:
        if grid.start in {act.name, "activity"}:
            split = (act.plan or "(none)") if grid.has_breakdown else "all"
            key = None
            if grid.occurs == "each_period":
                key = grid.clock.start(act.at, _cohort_period(grid))
            found.setdefault(key, (act.at, split))
    return list(found.values())


def _index(grid, cohort, started, moment):
    if grid.rolling_hours:
        return (moment - started) // timedelta(hours=grid.rolling_hours)
    begun = cohort.astimezone(grid.clock.zone)
    return grid.clock.steps(begun, moment, grid.period)


def _returns(grid, cohort, started, acts):
    """Return the periods in which a unit came back after its start."""
    return {
        _index(grid, cohort, started, act.at)
        for act in acts
        if grid.back in {act.name, "activity"} and act.at > started
    }


def _paid(grid, cohort, started, acts):
    found = defaultdict(Decimal)
    for act in acts:
        if grid.has_amount and act.name == grid.back and act.at >= started:
            index = _index(grid, cohort, started, act.at)
            if act.amount is not None and index <= grid.periods:
                found[index, act.currency or ""] += act.amount
    return found


def _counts(grid, returned, first, last):
    full = grid.is_zero_full
    is_zero = grid.mode != "brackets" and last == 0
    if is_zero and full:
        return True
    if grid.mode == "on_or_after":
        return any(index >= last for index in returned)
    if grid.mode == "on_or_before":
        return any((1 if full else 0) <= index <= last for index in returned)
    if grid.mode == "streak" and not is_zero:
        return all(index in returned for index in range(1, last + 1))
    shown = returned | ({0} if full else set())
    return any(first <= index <= last for index in shown)


def _ends(grid, cohort, last):
    begun = cohort.astimezone(grid.clock.zone)
    if grid.rolling_hours:
        length = timedelta(hours=grid.rolling_hours * (last + 1))
        return grid.clock.after(begun, "day").astimezone(UTC) + length
    return grid.clock.after(begun, grid.period, last + 1)


def lifecycle(acts, *, period, clock=UTC_CLOCK, created=None):
    """Return active, new, returning, resurrecting and dormant by first day."""
    active, first = defaultdict(set), {}
    for act in sorted(acts, key=lambda act: act.at):
        start = clock.start(act.at, period)
        active[start].add(act.unit)
        first.setdefault(act.unit, start)
    if created is not None:
        first = {unit: clock.start(moment, period) for unit, moment in created.items()}
    rows = {}
    for start in {each for one in active for each in (one, clock.after(one, period))}:
        now = active.get(start, set())
        before = active.get(clock.before(start, period), set())
        new = {unit for unit in now - before if first.get(unit) == start}
        rows[start.date()] = (
            *(len(now), len(new), len(now & before)),
            *(len(now - before - new), len(before - now)),
        )
    return rows


def windows(active_days, day):
    """Return distinct persons of the 1, 7 and 30 days that end with a day."""
    return tuple(
        sum(
            any(day - timedelta(days=width) < each <= day for each in days)
            for days in active_days.values()
        )
        for width in (1, 7, 30)
    )


def spread(active_days, day):
    """Return how many persons were active on k of the 30 days, for every k."""
    counts = defaultdict(int)
    for days in active_days.values():
        counts[sum(day - timedelta(days=30) < each <= day for each in days)] += 1
    return {level: counts[level] for level in range(1, 31)}


def trend(math, acts, *, others=(), fraction=None):
    """Return what a trend says of the acts of one interval."""
    values = sorted(act.amount for act in acts if act.amount is not None)
    if math in {"total", "sum", "dau"}:
        return {
            "total": len(acts),
            "sum": sum(values),
            "dau": len({act.unit for act in acts}),
        }[math]
    if math == "ratio":
        return Fraction(len(acts), len(others)) if others else None
    if not values:
        return None
    count = len(values)
    if math == "percentile":
        # The smallest value that so large a share of all does not exceed.
        return next(
            value
            for place, value in enumerate(values, start=1)
            if Fraction(place, count) >= fraction
        )
    middle = (values[(count - 1) // 2] + values[count // 2]) / 2
    mean = Fraction(sum(values)) / count
    return {"min": values[0], "max": values[-1], "median": middle, "avg": mean}[math]


def _by_unit(acts):
    units = defaultdict(list)
    for act in sorted(acts, key=lambda act: act.position):
        units[act.unit].append(act)
    return units


def days_of(acts) -> dict[str, set[date]]:
    """Return the days on which each unit did anything, in UTC."""
    days = defaultdict(set)
    for act in acts:
        days[act.unit].add(act.at.date())
    return days
