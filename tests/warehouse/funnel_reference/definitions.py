"""What a funnel is and what it looks at, as SEMANTICS 2.6 says it, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

Position = tuple[datetime, str, bool, int, str]


@dataclass(frozen=True)
class Row:
    """One event or operational fact of one unit."""

    id: str
    occurred_at: datetime
    event: str
    unit: str = "u"
    source: str = "web"
    sequence: int | None = None
    session: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def position(self) -> Position:
        """The place in the total order: instant, sequence of its source, id."""
        missing = self.sequence is None
        return (self.occurred_at, self.source, missing, self.sequence or 0, self.id)

    @property
    def entered_on(self) -> date:
        return self.occurred_at.date()


@dataclass(frozen=True)
class Happening:
    """An event of this name whose properties have these values."""

    event: str
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Step:
    """One step: any of several happenings, gating unless it is optional."""

    alternatives: tuple[Happening, ...]
    is_optional: bool = False
    is_anchored: bool = False
    within: timedelta | None = None


@dataclass(frozen=True)
class Exclusion:
    """What may not happen after one place of the path and before another."""

    after: int
    before: int
    alternatives: tuple[Happening, ...]
    drops_unit: bool = False


@dataclass(frozen=True)
class Breakdown:
    """A property whose value is read at a place of the counted path."""

    property: str
    at: Literal["first", "last", "all"] | int = "first"
    top: int = 10


@dataclass(frozen=True)
class Funnel:
    """A whole definition; places of steps count from 0."""

    steps: tuple[Step, ...]
    order: Literal["ordered", "strict", "any_order"] = "ordered"
    scope: Literal["steps", "all"] = "steps"
    noise: tuple[Happening, ...] = ()
    window: timedelta = timedelta(days=14)
    exclusions: tuple[Exclusion, ...] = ()
    held: tuple[str, ...] = ()
    tolerance: timedelta = timedelta(0)
    counting: Literal["uniques", "totals", "sessions"] = "uniques"
    reentry: Literal["first", "latest"] = "first"
    entry_from: datetime | None = None
    entry_to: datetime | None = None
    clips: bool = False
    breakdown: Breakdown | None = None

    @property
    def required(self) -> tuple[int, ...]:
        """The places of the steps that gate."""
        return tuple(
            place for place, step in enumerate(self.steps) if not step.is_optional
        )


@dataclass(frozen=True)
class Visit:
    """A row of a path and the step that it satisfies."""

    step: int
    row: Row


Path = tuple[Visit, ...]


def step(*events: str, **settings: object) -> Step:
    """Return a step that any event of these names satisfies."""
    return Step(tuple(Happening(event) for event in events), **settings)
