"""Periods that file and folder names speak of: hours, days, weeks, months."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

_DIRECTIVES = {
    "%Y": r"(?P<year>\d{4})",
    "%m": r"(?P<month>\d{2})",
    "%d": r"(?P<day>\d{2})",
    "%H": r"(?P<hour>\d{2})",
    "%%": "%",
    "*": "[^/]*",
    "?": "[^/]",
}

_FOLDER = re.compile(
    r"(?P<year>\d{4})[-/_]?(?P<month>\d{2})[-/_]?(?P<day>\d{2})"
    r"(?:(?:/hour=|[-T/_])(?P<hour>\d{2}))?$"
)


class Period(NamedTuple):
    """A stretch of time that one file or folder covers, its end exclusive."""

    start: datetime
    end: datetime


def periods_named(
    names: Iterable[str], *, pattern: str, cadence: str, zone: ZoneInfo
) -> set[Period]:
    """Return the periods of the names that follow a pattern.

    Parameters
    ----------
    names : iterable of str
        Paths; as many of their last parts are looked at as the pattern has.
    pattern : str
        A name with %Y, %m, %d and %H where the start of its period stands, and * and
        ? for what may be anything: `web-%Y-%m-%d-*.ndjson.gz`.
    cadence : str
        hour, day, week or month: how long a period lasts.
    zone : ZoneInfo
        The zone whose clock the names follow.
    """
    expression = re.compile(
        re.sub(r"(?s)%.|\*|\?|.", lambda found: _expression(found.group()), pattern)
    )
    depth = pattern.count("/") + 1
    found = set()
    for name in names:
        start = _start(expression.fullmatch("/".join(name.split("/")[-depth:])))
        if start:
            found.add(_period(start, cadence, zone))
    return found


def period_of_folder(folder: str, *, zone: ZoneInfo) -> Period | None:
    """Return the day or hour that a folder such as `2026/01/05` is named for."""
    match = _FOLDER.search(folder.rstrip("/"))
    start = _start(match)
    if match is None or start is None:
        return None
    return _period(start, "hour" if match["hour"] else "day", zone)


def expected_periods(
    found: Collection[Period], *, cadence: str, until: datetime, zone: ZoneInfo
) -> Iterator[Period]:
    """Yield every period from the first one found to the last that ended by `until`."""
    if not found:
        return
    period = min(found)
    while period.end <= until:
        yield period
        period = _period(
            period.end.astimezone(zone).replace(tzinfo=None), cadence, zone
        )


def complete_through(
    found: Collection[Period], *, cadence: str, zone: ZoneInfo
) -> datetime | None:
    """Return the end of the last period before the first one that is missing."""
    if not found:
        return None
    every = expected_periods(found, cadence=cadence, until=max(found).end, zone=zone)
    return max(period.end for period in takewhile(found.__contains__, every))


def _expression(token: str) -> str:
    return _DIRECTIVES.get(token, re.escape(token))


def _start(match: re.Match[str] | None) -> datetime | None:
    if match is None:
        return None
    parts = {name: int(text) for name, text in match.groupdict().items() if text}
    try:
        return datetime(  # noqa: DTZ001  a time of the wall clock of a zone
            parts["year"],
            parts.get("month", 1),
            parts.get("day", 1),
            parts.get("hour", 0),
        )
    except (KeyError, ValueError):
        return None


def _period(start: datetime, cadence: str, zone: ZoneInfo) -> Period:
    """Return the period that starts at a time of the zone's wall clock."""
    begin = start.replace(tzinfo=zone).astimezone(UTC)
    if cadence == "hour":
        # In UTC: a wall clock that is put back shows one hour twice.
        return Period(begin, begin + timedelta(hours=1))
    if cadence == "month":
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        following = start + timedelta(days=7 if cadence == "week" else 1)
    return Period(begin, following.replace(tzinfo=zone).astimezone(UTC))
