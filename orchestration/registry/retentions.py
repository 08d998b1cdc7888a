"""What a retention grid is: who starts, who comes back, in which periods, how counted.

SEMANTICS 2.8 in the words of `registry/retention/*.yml`. Every setting has a default,
and every grid shows in its output which mode and clock it was counted with.
"""

from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from orchestration.registry.funnels import Happenings, Subject
from orchestration.registry.kinds import Dated, Happening, Text, Title
from orchestration.registry.predicates import Definition

Path = tuple[str | int, ...]
# Parts of a definition besides its events, which count from 1, as they become SQL.
UNIT, BREAKDOWN, AMOUNT = 400, 500, 700

Period = Literal["hour", "day", "week", "month"]
WeekStart = Literal["monday", "sunday"]
Bracket = Annotated[
    list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)
]


def _is_a_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        message = "no time zone; allowed: names such as Europe/Berlin"
        raise PydanticCustomError("timezone", message) from None
    return name


TimeZone = Annotated[str, AfterValidator(_is_a_zone)]


class Doing(Definition):
    """Something a unit does: one of some events, or any activity of its own."""

    events: Happenings | None = None
    activity: Literal["any"] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Doing":
        if (self.events is None) == (self.activity is None):
            raise PydanticCustomError("doing", "say events, or activity: any")
        return self


class Start(Doing):
    """What makes a unit part of a cohort, the first time ever or in each period."""

    occurs: Literal["first_ever", "each_period"] = "first_ever"


class Behaviour(Dated):
    """A definition over what units do: events, values, and what fits together."""

    def wrong_parts(self) -> Iterator[tuple[Path, str, str]]:
        """Yield (path, reason, allowed) of what does not go together."""
        yield from ()

    def doings(self) -> Iterator[tuple[int, Path, list[Happening]]]:
        """Yield (part, path, events) of whatever lists events."""
        yield from ()

    def values(self) -> Iterator[tuple[int, Path, Subject]]:
        """Yield (part, path, subject) of every value that is read off an event."""
        yield from ()


class RetentionGrid(Behaviour):
    """How many of those who started came back, by period since.

    Attributes
    ----------
    unit : str
        person, or a value that events carry (`unit_named_by`), such as a subscription.
    mode : str
        When a unit counts for period n: it returned in n (on), in n or later
        (on_or_after), up to n (on_or_before), in one of the periods of a bracket
        (brackets), in every period from 1 to n (streak).
    clock : str
        calendar: periods of the calendar, from that of the start. rolling: periods of
        `period_length` x 24 h (or 1 h, 168 h) from the unit's own start.
    period_zero : str
        return_after_start: counts a return after the start, in the period of the start;
        where start and return are the same events everybody counts. start: everybody
        counts (as in PostHog).
    measure : str
        units, or the amounts of their returns: revenue or margin, by currency.
    amount : Subject or None
        Where the amount of a return stands: in minor units of the event's currency.
    breakdown : Subject or None
        Fixed at the start event; a missing value is a value of its own.
    """

    title: Title
    description: Text = ""
    unit: Literal["person", "named"] = "person"
    unit_named_by: Subject | None = None
    start: Start
    returns: Doing = Field(alias="return")
    mode: Literal["on", "on_or_after", "on_or_before", "brackets", "streak"] = "on"
    brackets: list[Bracket] = Field(default=[], max_length=50)
    clock: Literal["calendar", "rolling"] = "calendar"
    period: Period = "week"
    period_length: Annotated[int, Field(ge=1, le=366)] = 1
    periods: Annotated[int, Field(ge=1, le=400)] = 12
    week_starts: WeekStart = "monday"
    timezone: TimeZone | None = None
    period_zero: Literal["return_after_start", "start"] = "return_after_start"
    measure: Literal["units", "revenue", "margin"] = "units"
    amount: Subject | None = None
    breakdown: Subject | None = None

    def wrong_parts(self) -> Iterator[tuple[Path, str, str]]:
        """Yield (path, reason, allowed) of what does not go together."""
        if (self.unit_named_by is None) == (self.unit == "named"):
            yield ("unit_named_by",), "goes with unit: named, and only with it", ""
        if (self.amount is None) == (self.measure != "units"):
            yield ("amount",), "goes with measure: revenue or margin", ""
        if self.amount and self.mode not in {"on", "brackets"}:
            yield ("mode",), "amounts are of their own period", "on, brackets"
        yield from self._wrong_periods()
        by_activity = self.start.activity or self.returns.activity
        if by_activity and (self.clock == "rolling" or self.period == "hour"):
            reason = "of activity the days are kept, not every instant"
            yield ("clock",), reason, "clock: calendar with day, week or month"
        if by_activity and self.unit != "person":
            yield ("unit",), "activity is of persons", "person"
        if self.returns.activity and self.amount:
            yield ("amount",), "activity has no amount", "return: events"
        if self.start.activity and self.breakdown:
            yield ("breakdown",), "activity has no value to split by", "start: events"

    def doings(self) -> Iterator[tuple[int, Path, list[Happening]]]:
        """Yield the events of start and return."""
        for part, name, doing in (
            (1, "start", self.start),
            (2, "return", self.returns),
        ):
            if doing.events:
                yield part, (name, "events"), doing.events

    def values(self) -> Iterator[tuple[int, Path, Subject]]:
        """Yield what names the unit, splits the cohort and is added up."""
        for part, name, subject in (
            (UNIT, "unit_named_by", self.unit_named_by),
            (BREAKDOWN, "breakdown", self.breakdown),
            (AMOUNT, "amount", self.amount),
        ):
            if subject:
                yield part, (name,), subject

    def _wrong_periods(self) -> Iterator[tuple[Path, str, str]]:
        if bool(self.brackets) != (self.mode == "brackets"):
            yield ("brackets",), "goes with mode: brackets, and only with it", ""
        for index, (first, last) in enumerate(self.brackets):
            if not first <= last <= self.periods:
                reason = "is not a first and a last period"
                yield ("brackets", index), reason, f"0 to {self.periods}"
        if self.clock == "rolling" and self.period == "month":
            yield ("period",), "a month has no length in hours", "hour, day, week"
        if self.clock == "calendar" and self.period_length != 1:
            yield ("period_length",), "is of rolling periods", "clock: rolling"
