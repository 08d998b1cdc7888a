"""What a funnel is: steps, how they follow each other, what is counted.

SEMANTICS 2.6 in the words of `registry/funnels/*.yml`; the guide to funnels says what
each setting does, with an example.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from orchestration.registry.kinds import (
    Dated,
    Happening,
    Text,
    Title,
    all_differ,
    instant,
)
from orchestration.registry.predicates import Definition, Name, Predicate

Path = tuple[str | int, ...]

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_DURATION = re.compile(r"(0|[1-9]\d{0,7}) (second|minute|hour|day|week)s?")
_LONGEST = 366 * 86_400
# Which steps an any-order path has taken is kept in one set of so many members.
_MOST_FREE_STEPS = 10


def seconds_of(duration: str) -> int:
    """Return the length of a `Duration` in seconds; a day is 24 hours.

    >>> seconds_of("14 days")
    1209600
    """
    count, unit = duration.split(" ")
    return int(count) * _SECONDS[unit.removesuffix("s")]


def _is_duration(value: object) -> str:
    # Asked before what pydantic asks: of 14 it would say that it is not text.
    is_duration = isinstance(value, str) and _DURATION.fullmatch(value)
    if not is_duration or seconds_of(str(value)) > _LONGEST:
        message = (
            "not a length of time up to 366 days; allowed: 30 seconds, 5 minutes, "
            "2 hours, 14 days, 1 week"
        )
        raise PydanticCustomError("duration", message)
    return str(value)


def _lasts(value: str) -> str:
    if seconds_of(value) == 0:
        raise PydanticCustomError("duration", "a window of no length; allowed: 1 hour")
    return value


Duration = Annotated[str, BeforeValidator(_is_duration)]
Window = Annotated[Duration, AfterValidator(_lasts)]
Happenings = Annotated[list[Happening], Field(min_length=1, max_length=20)]


class Step(Definition):
    """One step of a funnel; any of its events satisfies it.

    Attributes
    ----------
    within : Duration or None
        Window of its own, inclusive, from the previous required step (any_order: from
        the row before it on the path).
    optional : bool
        Reported, but neither gates nor anchors what follows.
    anchored : bool
        any_order only: the step keeps its place while the others fill theirs freely.
    """

    name: Name
    events: Happenings
    within: Window | None = None
    optional: bool = False
    anchored: bool = False


class Exclusion(Definition):
    """Events that must not lie between the rows of two named required steps.

    Attributes
    ----------
    effect : str
        end_attempt: no path may have one between, so an attempt goes no further.
        drop_unit: a unit that meets one leaves the whole funnel (as PostHog does).
    """

    after: Name
    before: Name
    events: Happenings
    effect: Literal["end_attempt", "drop_unit"] = "end_attempt"


class Subject(Definition):
    """A column or a property of an event."""

    column: Name | None = None
    property_: Name | None = Field(default=None, alias="property")

    @model_validator(mode="after")
    def _is_one(self) -> "Subject":
        if (self.column is None) == (self.property_ is None):
            raise PydanticCustomError("subject", "name one column or one property")
        return self


class Breakdown(Definition):
    """By what the counts are split; a missing value is a value of its own.

    Attributes
    ----------
    trait : str or None
        What the app says of the user at that instant, instead of an event's value.
    at : str
        first (the first step), last (the last row of the counted path), or all: the
        value is held constant over the path, missing being equal to missing.
    at_step : Name or None
        A named step, instead of `at`; missing where the path did not reach it.
    top : int
        Values kept, by entries; the rest is one row that says how many it folds.
    """

    column: Name | None = None
    property_: Name | None = Field(default=None, alias="property")
    trait: Literal["role", "region", "locale", "acquisition_channel"] | None = None
    at: Literal["first", "last", "all"] = "first"
    at_step: Name | None = None
    top: Annotated[int, Field(ge=1, le=1000)] = 10

    @model_validator(mode="after")
    def _is_one(self) -> "Breakdown":
        subjects = (self.column, self.property_, self.trait)
        if sum(subject is not None for subject in subjects) != 1:
            message = "name one column, one property or one trait"
            raise PydanticCustomError("subject", message)
        if self.at_step is not None and self.at != "first":
            raise PydanticCustomError("at", "say at or at_step, not both")
        return self


class EntryRange(Definition):
    """First and last instant of entry, both inclusive; an end left out is open."""

    from_: dt.datetime | None = Field(default=None, alias="from")
    to: dt.datetime | None = None

    @field_validator("from_", "to")
    @classmethod
    def _are_instants(cls, value: dt.datetime | None) -> dt.datetime | None:
        return instant(value)

    @model_validator(mode="after")
    def _is_a_range(self) -> "EntryRange":
        if self.from_ and self.to and self.to < self.from_:
            raise PydanticCustomError("range", "ends before it begins")
        return self


class Funnel(Dated):
    """Steps that a unit should pass within a window.

    Attributes
    ----------
    account : Subject or None
        unit account only: which column or property of an event names the account.
    where : Predicate or None
        What every event of the funnel must meet, exclusions and scope included.
    scope : str
        strict only: what may not lie between two steps. step_events: whatever
        satisfies a step, and `scope_also`; all: anything the unit did.
    window : Duration
        From the first step, inclusive.
    hold_constant : list of Subject
        Equal over the rows of an attempt; a missing value equals nothing.
    reentry : str
        totals only: what a first step inside an open attempt does. first: nothing;
        latest: the attempt begins anew there.
    simultaneous_within : Duration
        How far apart two rows may be and still not block each other.
    clip_conversions : bool
        Whether rows after the end of `entries` count for nothing, as in PostHog.
    time_bins : int
        Equal parts of the window in which times to convert are counted.
    """

    title: Title
    description: Text = ""
    unit: Literal["person", "session", "account"] = "person"
    account: Subject | None = None
    ordering: Literal["ordered", "strict", "any_order"] = "ordered"
    counting: Literal["uniques", "totals", "sessions"] = "uniques"
    reentry: Literal["first", "latest"] = "first"
    window: Window = "14 days"
    where: Predicate | None = None
    scope: Literal["step_events", "all"] = "step_events"
    scope_also: list[Happening] = Field(default=[], max_length=20)
    exclusions: list[Exclusion] = Field(default=[], max_length=10)
    hold_constant: list[Subject] = Field(default=[], max_length=3)
    simultaneous_within: Duration = "0 seconds"
    breakdown: Breakdown | None = None
    entries: EntryRange = EntryRange()
    clip_conversions: bool = False
    time_bins: Annotated[int, Field(ge=1, le=100)] = 14
    steps: Annotated[list[Step], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _names_differ(self) -> "Funnel":
        all_differ([step.name for step in self.steps], "step")
        return self


def wrong_parts(funnel: Funnel) -> Iterator[tuple[Path, str, str]]:
    """Yield (path, reason, allowed) of what does not go together in a funnel."""
    if (funnel.account is None) == (funnel.unit == "account"):
        yield ("account",), "goes with unit: account, and only with it", ""
    is_strict = funnel.ordering == "strict"
    if funnel.scope != "step_events" and not is_strict:
        yield ("scope",), "is about what may lie between steps", "ordering: strict"
    if funnel.scope_also and (not is_strict or funnel.scope == "all"):
        allowed = "ordering: strict with scope: step_events"
        yield ("scope_also",), "adds to the events of the steps", allowed
    if funnel.reentry != "first" and funnel.counting != "totals":
        yield ("reentry",), "is about attempts in sequence", "counting: totals"
    if funnel.clip_conversions and funnel.entries.to is None:
        yield ("clip_conversions",), "needs the end of the range", "entries.to"
    yield from _wrong_steps(funnel)
    yield from _wrong_names(funnel)


def _wrong_steps(funnel: Funnel) -> Iterator[tuple[Path, str, str]]:
    is_free = funnel.ordering == "any_order"
    for index, step in enumerate(funnel.steps):
        path = ("steps", index)
        if step.anchored and not is_free:
            yield (*path, "anchored"), "is about free order", "ordering: any_order"
        if step.optional and is_free:
            yield (*path, "optional"), "needs an order", "ordering: ordered, strict"
        if step.optional and index == 0:
            yield (*path, "optional"), "the first step is where an attempt begins", ""
        if step.within and index == 0:
            yield (*path, "within"), "nothing stands before the first step", ""
    free_count = sum(not step.anchored for step in funnel.steps)
    if is_free and free_count > _MOST_FREE_STEPS:
        allowed = f"at most {_MOST_FREE_STEPS} without anchored: true"
        yield ("steps",), f"has {free_count} steps in any order", allowed


def _wrong_names(funnel: Funnel) -> Iterator[tuple[Path, str, str]]:
    names = [step.name for step in funnel.steps]
    required = [step.name for step in funnel.steps if not step.optional]
    for index, exclusion in enumerate(funnel.exclusions):
        path = ("exclusions", index)
        for field in ("after", "before"):
            if getattr(exclusion, field) not in required:
                reason = "names no step that is not optional"
                yield (*path, field), reason, ", ".join(required)
                break
        else:
            later = required[required.index(exclusion.after) + 1 :]
            if exclusion.before not in later:
                reason = f"is no step after {exclusion.after}"
                yield (*path, "before"), reason, ", ".join(later)
    if funnel.breakdown and funnel.breakdown.trait:
        yield from _wrong_trait(funnel, funnel.breakdown)
    at_step = funnel.breakdown.at_step if funnel.breakdown else None
    if at_step is not None and at_step not in names:
        yield ("breakdown", "at_step"), "names no step", ", ".join(names)


def _wrong_trait(
    funnel: Funnel, breakdown: Breakdown
) -> Iterator[tuple[Path, str, str]]:
    path = ("breakdown", "trait")
    if funnel.unit != "person":
        yield path, "is said of persons", "unit: person"
    if breakdown.at == "all":
        yield path, "cannot be held constant", "at: first, last"
