"""What trends and lifecycles are: a number per interval, and who came and went.

SEMANTICS 2.4 in the words of `registry/trends/*.yml` and `registry/lifecycles/*.yml`.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from orchestration.registry.funnels import Happenings, Subject
from orchestration.registry.kinds import Happening, Text, Title
from orchestration.registry.retentions import (
    AMOUNT,
    Behaviour,
    Doing,
    Path,
    Period,
    TimeZone,
    WeekStart,
)

_OF_A_VALUE = ("sum", "avg", "min", "max", "median", "percentile")
_ADDING_UP = ("total", "dau", "sum")


class Trend(Behaviour):
    """A number per interval.

    Attributes
    ----------
    math : str
        total counts events, dau distinct persons; sum, avg, min, max, median and
        percentile are of `value`; ratio divides the events by those of `divided_by`.
    percentile : float or None
        Of a percentile: the fraction; the result is a value that occurs.
    ratio_of : str
        Whether a ratio is of events or of distinct persons.
    interval : str
        Hours, days, weeks or months of `timezone`, by default the reporting one.
    when_empty : str
        What avg, min, max, median, percentile and ratio are without events: unknown, or
        zero (as in PostHog).
    cumulative : bool
        Whether the published view adds up all intervals so far; a person counts once.
    """

    title: Title
    description: Text = ""
    events: Happenings
    math: Literal[
        "total", "dau", "sum", "avg", "min", "max", "median", "percentile", "ratio"
    ] = "total"
    value: Subject | None = None
    percentile: Annotated[float, Field(gt=0, lt=1)] | None = None
    divided_by: Happenings | None = None
    ratio_of: Literal["events", "persons"] = "events"
    interval: Period = "day"
    week_starts: WeekStart = "monday"
    timezone: TimeZone | None = None
    when_empty: Literal["unknown", "zero"] = "unknown"
    cumulative: bool = False

    def wrong_parts(self) -> Iterator[tuple[Path, str, str]]:
        """Yield (path, reason, allowed) of what does not go together."""
        if (self.value is None) == (self.math in _OF_A_VALUE):
            yield ("value",), "goes with one of these, and only with them", _list()
        if (self.percentile is None) == (self.math == "percentile"):
            yield ("percentile",), "goes with math: percentile, and only with it", ""
        if (self.divided_by is None) == (self.math == "ratio"):
            yield ("divided_by",), "goes with math: ratio, and only with it", ""
        if self.cumulative and self.math not in _ADDING_UP:
            reason = f"{self.math} does not add up"
            yield ("cumulative",), reason, f"math: {', '.join(_ADDING_UP)}"

    def doings(self) -> Iterator[tuple[int, Path, list[Happening]]]:
        """Yield what is counted, and by what it is divided."""
        yield 1, ("events",), self.events
        if self.divided_by:
            yield 2, ("divided_by",), self.divided_by

    def values(self) -> Iterator[tuple[int, Path, Subject]]:
        """Yield the value that is added up or compared."""
        if self.value:
            yield AMOUNT, ("value",), self.value


class Lifecycle(Behaviour):
    """Who is new, returning, resurrecting or dormant, by period.

    Attributes
    ----------
    new_by : str
        first_activity: new in the period of the first activity ever.
        profile_creation: new in the period of the first of `profile` (as in PostHog),
        unless active in the period before.
    profile : list of Happening
        What creates a profile.
    """

    title: Title
    description: Text = ""
    of: Doing = Doing(activity="any")
    periods: list[Literal["day", "week", "month"]] = Field(
        default=["day", "week", "month"], min_length=1, max_length=3
    )
    week_starts: WeekStart = "monday"
    new_by: Literal["first_activity", "profile_creation"] = "first_activity"
    profile: Happenings | None = None

    def wrong_parts(self) -> Iterator[tuple[Path, str, str]]:
        """Yield (path, reason, allowed) of what does not go together."""
        if (self.profile is None) == (self.new_by == "profile_creation"):
            reason = "goes with new_by: profile_creation, and only with it"
            yield ("profile",), reason, ""
        if len(set(self.periods)) != len(self.periods):
            yield ("periods",), "names a period twice", ""

    def doings(self) -> Iterator[tuple[int, Path, list[Happening]]]:
        """Yield what makes a person active, and what creates a profile."""
        if self.of.events:
            yield 1, ("of", "events"), self.of.events
        if self.profile:
            yield 2, ("profile",), self.profile


def _list() -> str:
    return f"math: {', '.join(_OF_A_VALUE)}"
