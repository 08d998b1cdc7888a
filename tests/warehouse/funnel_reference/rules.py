"""SEMANTICS 2.6 on what counts of all paths, rule by rule."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from tests.warehouse.funnel_reference.definitions import (
    Breakdown,
    Exclusion,
    Funnel,
    Path,
    Row,
)
from tests.warehouse.funnel_reference.path_rules import PathRules

LEFT = "left"


class Counted(Protocol):
    """What the rules look at in an attempt."""

    path: Path
    ended_by: Row | None

    @property
    def required(self) -> Sequence[Row]: ...

    @property
    def depth(self) -> int: ...

    @property
    def start(self) -> Row: ...

    @property
    def is_complete(self) -> bool: ...

    @property
    def window_ends_at(self) -> datetime: ...

    def row_at(self, place: int) -> Row | None: ...


class Rules(PathRules):
    """What counts of a unit, and what became of it at a watermark."""

    def session_of(self, row: Row, funnel: Funnel) -> tuple[str | None] | None:
        """Sessions: candidates and path inside one session, so none without one."""
        if funnel.counting != "sessions":
            return (None,)
        return None if row.session is None else (row.session,)

    def is_of_day(self, attempt: Counted, entered_on: date | None) -> bool:
        """A unit counts once a day, by the candidates of that day."""
        return entered_on in {None, attempt.start.entered_on}

    def best(self, found: Sequence[Counted]) -> Counted:
        """A unit counts by its deepest candidate, then by the earliest."""
        return min(found, key=lambda each: (-each.depth, each.start.position))

    def restarts(self, funnel: Funnel) -> bool:
        """What a step-1 row does in an open attempt: nothing, or begin it anew."""
        return funnel.reentry == "latest"

    def is_closed_before(self, attempt: Counted, row: Row) -> bool:
        """Completion, exclusion or expiry closed the attempt by then.

        Optional steps do not gate: they neither complete an attempt nor keep it open.
        """
        if attempt.is_complete:
            return row.position > max(each.position for each in attempt.required)
        if attempt.ended_by is not None:
            return row.position > attempt.ended_by.position
        return row.occurred_at > attempt.window_ends_at

    def drops_unit(self, exclusion: Exclusion) -> bool:
        """The unit leaves the whole funnel, or its attempt goes no further."""
        return exclusion.drops_unit

    def leaver(self, key: tuple[str, str | None]) -> object:
        """Of a unit and its session: who leaves is the unit, with every session."""
        return key[0]

    def is_open(self, window_ends_at: datetime, watermark: datetime) -> bool:
        """A window that includes its end is over once that instant is complete."""
        return window_ends_at >= watermark

    def state(self, best: Counted, *, is_open: bool) -> str:
        """Completed whatever the window; else undecided while one is open."""
        if best.is_complete:
            return "completed"
        if is_open:
            return "in_progress"
        return "excluded" if best.ended_by is not None else "dropped"

    def is_in_headline(self, state: str, *, is_mature: bool) -> bool:
        """Mature attempts alone, whatever their state, but of units that stayed."""
        return is_mature and state != LEFT

    def is_timed(self, state: str, *, is_mature: bool) -> bool:
        """Times to convert come from mature attempts alone."""
        return is_mature and state != LEFT

    def value_of(self, attempt: Counted, by: Breakdown) -> str | None:
        """The value at a place of the counted path; missing is a value of its own."""
        if isinstance(by.at, int):
            row = attempt.row_at(by.at)
        else:
            row = attempt.path[-1].row if by.at == "last" else attempt.start
        return None if row is None else row.properties.get(by.property)

    def keeps(self, place: int, by: Breakdown) -> bool:
        """The values of most entries keep a row, the tail beyond them shares one."""
        return place < by.top
