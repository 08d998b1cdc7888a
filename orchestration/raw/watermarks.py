"""How far each source is complete, and which of its files are missing.

Computed from what was loaded and from what the source declares, never from the times
of its events: one row dated in the future would otherwise end all completeness.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg

from orchestration.raw.periods import (
    Period,
    complete_through,
    expected_periods,
    period_of_folder,
    periods_named,
)
from orchestration.raw.sources import Source

_MOVE = """
    insert into ops.watermarks as stored (source, data_complete_through, rule)
    values (%s, %s, %s)
    on conflict (source) do update
    set
        data_complete_through = excluded.data_complete_through,
        rule = excluded.rule,
        updated_at = clock_timestamp()
    where stored.data_complete_through < excluded.data_complete_through
"""


class ScanState(NamedTuple):
    """What a scan saw of a source, after it loaded what was new.

    Attributes
    ----------
    started_at : datetime
        When the landing store was listed.
    unloaded : collection of str
        Names that are neither loaded, nor an alias, nor refused.
    markers : mapping of str to datetime
        Marker files and the times at which they were written.
    """

    started_at: datetime
    unloaded: frozenset[str]
    markers: Mapping[str, datetime]


def move_watermark(
    connection: psycopg.Connection, source: Source, state: ScanState
) -> datetime | None:
    """Move a source's watermark as far as its declared completeness allows.

    Returns
    -------
    datetime or None
        How far the source is complete now; it never moves backwards.
    """
    rule, through = _rule_and_instant(connection, source, state)
    if through is not None:
        connection.execute(_MOVE, (source.name, through, rule))
    rows = connection.execute(
        "select data_complete_through from ops.watermarks where source = %s",
        (source.name,),
    ).fetchall()
    return rows[0][0] if rows else None


def missing_periods(
    connection: psycopg.Connection, source: Source, *, now: datetime
) -> list[Period]:
    """Return the periods that ended and whose files a calendar source still owes."""
    calendar = source.completeness.calendar
    if calendar is None:
        return []
    zone = ZoneInfo(source.timezone)
    found = _loaded_periods(connection, source)
    every = expected_periods(found, cadence=calendar.cadence, until=now, zone=zone)
    return [period for period in every if period not in found]


def _rule_and_instant(
    connection: psycopg.Connection, source: Source, state: ScanState
) -> tuple[str, datetime | None]:
    completeness = source.completeness
    zone = ZoneInfo(source.timezone)
    if completeness.calendar is not None:
        found = _loaded_periods(connection, source)
        cadence = completeness.calendar.cadence
        return "calendar", complete_through(found, cadence=cadence, zone=zone)
    if completeness.marker is not None:
        return "marker", _marked_through(state, zone)
    settle = completeness.arrival.settle_minutes if completeness.arrival else 0
    through = state.started_at - timedelta(minutes=settle)
    return "arrival", None if state.unloaded else through


def _loaded_periods(connection: psycopg.Connection, source: Source) -> set[Period]:
    calendar = source.completeness.calendar
    if calendar is None:
        return set()
    names = connection.execute(
        "select distinct uri from ops.files"
        " where source = %s and status in ('loaded', 'alias')",
        (source.name,),
    )
    return periods_named(
        (name for (name,) in names),
        pattern=calendar.pattern,
        cadence=calendar.cadence,
        zone=ZoneInfo(source.timezone),
    )


def _marked_through(state: ScanState, zone: ZoneInfo) -> datetime | None:
    """Return the end of the last marked folder before one still being filled."""
    open_from = min(_starts(state.unloaded, zone), default=None)
    ends = []
    for marker, written_at in state.markers.items():
        folder = str(PurePosixPath(marker).parent)
        period = period_of_folder(folder, zone=zone)
        end = period.end if period else written_at
        if open_from is None or end <= open_from:
            ends.append(end)
    return max(ends, default=None)


def _starts(names: Iterable[str], zone: ZoneInfo) -> Iterable[datetime]:
    """Yield from when each name may hold events; unknown means from the beginning."""
    for name in names:
        period = period_of_folder(str(PurePosixPath(name).parent), zone=zone)
        yield period.start if period else datetime.min.replace(tzinfo=zone)
