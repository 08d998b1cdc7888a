"""Findings: what a person must know of the house, from Postgres and the clock alone.

    findings = read_findings(connection, home=settings.home, now=now)
    sys.exit(max(finding.level for finding in findings))

Reads no Dagster, so that it still speaks when Dagster does not.
"""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from orchestration.health.pauses import pause_reason
from orchestration.transform.gaps import find_gaps

OK, WARNING, CRITICAL = 0, 1, 2
LEVELS = ("ok", "warning", "critical")

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LEAST_FREE_BYTES = 2 << 30
LEAST_FREE_SHARE = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    level : int
        0 ok, 1 warning, 2 critical: the exit code of `daybook health` is the largest.
    detail : str
        What was found, in words that name no person.
    """

    name: str
    level: int
    detail: str

    def as_json(self) -> dict[str, str | int]:
        """Return it as plain values."""
        return {**asdict(self), "state": LEVELS[self.level]}


def read_findings(
    connection: psycopg.Connection, *, home: Path, timezone: str, now: datetime
) -> list[Finding]:
    """Look at everything that can go wrong unseen."""
    return [
        _refreshes(connection, now),
        _queue(connection, now),
        _unsettled(connection, now),
        _publication(connection, now),
        _gaps(connection, timezone),
        _quarantine(connection),
        *_alerts(connection, now),
        _pause(connection),
        _disk(home),
    ]


def _refreshes(connection: psycopg.Connection, now: datetime) -> Finding:
    """Judge by the publisher's last look: the end of every refresh, news or not."""
    row = connection.execute("select checked_at from published.status").fetchone()
    if row is None or row[0] is None:
        return Finding("refreshes", CRITICAL, "none has come to its end yet")
    age = now - row[0]
    return Finding(
        "refreshes",
        _judge(age, warning=45 * MINUTE, critical=2 * HOUR),
        f"the last came to its end {_ago(age)}",
    )


def _queue(connection: psycopg.Connection, now: datetime) -> Finding:
    row = connection.execute(
        "select count(*), min(created_at) from ops.runs where state = 'waiting'"
    ).fetchone()
    count, oldest = row or (0, None)
    if not oldest:
        return Finding("queue", OK, "no run waits")
    age = now - oldest
    level = _judge(age, warning=30 * MINUTE, critical=4 * HOUR)
    return Finding("queue", level, f"{count} runs wait, the oldest came {_ago(age)}")


def _unsettled(connection: psycopg.Connection, now: datetime) -> Finding:
    row = connection.execute(
        """
        select count(distinct touched.occurred_on), min(loads.loaded_at)
        from ops.touched_days as touched
        inner join ops.loads as loads using (load_id)
        where touched.settled_by is null
        """
    ).fetchone()
    count, oldest = row or (0, None)
    if not oldest:
        return Finding("builds", OK, "every loaded day is built")
    age = now - oldest
    level = _judge(age, warning=HOUR, critical=4 * HOUR)
    return Finding(
        "builds", level, f"{count} days are not built, the oldest came {_ago(age)}"
    )


def _publication(connection: psycopg.Connection, now: datetime) -> Finding:
    row = connection.execute(
        "select state, reason, data_complete_through, published_at "
        "from published.status"
    ).fetchone()
    state, reason, through, published_at = row or ("empty", None, None, None)
    if state == "held":
        return Finding("publication", CRITICAL, f"held back: {reason}")
    if state == "empty" or published_at is None:
        return Finding("publication", WARNING, "nothing is published yet")
    if through is None:
        return Finding("publication", WARNING, "no source says how complete it is")
    level = _judge(now - through, warning=36 * HOUR, critical=72 * HOUR)
    return Finding(
        "publication",
        level,
        f"complete through {through:%Y-%m-%d %H:%M} UTC, "
        f"last changed {_ago(now - published_at)}",
    )


def _gaps(connection: psycopg.Connection, timezone: str) -> Finding:
    gaps = find_gaps(connection, timezone=timezone)
    days = sum(gap.day_count for gap in gaps)
    if not gaps:
        return Finding("gaps", OK, "no source lacks a day")
    missing = ", ".join(sorted({gap.what for gap in gaps}))
    return Finding("gaps", WARNING, f"{days} days lack the data of {missing}")


def _quarantine(connection: psycopg.Connection) -> Finding:
    row = connection.execute(
        """
        select count(*), count(distinct (source, reason))
        from raw.set_aside where status = 'open' and outcome = 'quarantined'
        """
    ).fetchone()
    count, reasons = row or (0, 0)
    # A sudden share of them opens an alert; that there are some is life.
    return Finding("quarantine", OK, f"{count:,} records open, of {reasons} kinds")


def _alerts(connection: psycopg.Connection, now: datetime) -> Iterator[Finding]:
    rows = connection.execute(
        """
        select severity, message, opened_at, delivered_at
        from ops.alerts where resolved_at is null
        order by severity, alert_id
        """
    ).fetchall()
    if not rows:
        yield Finding("alerts", OK, "none is open")
    for severity, message, opened_at, delivered_at in rows:
        level = {"info": OK, "warning": WARNING}.get(severity, CRITICAL)
        untold = delivered_at is None and now - opened_at > 10 * MINUTE
        told = ", and nobody could be told" if untold else ""
        yield Finding(
            "alerts",
            max(level, WARNING if untold else OK),
            f"{message} (opened {_ago(now - opened_at)}{told})",
        )


def _pause(connection: psycopg.Connection) -> Finding:
    reason = pause_reason(connection)
    if reason is None:
        return Finding("timetable", OK, "running")
    return Finding("timetable", WARNING, f"paused since {reason}")


def _disk(home: Path) -> Finding:
    usage = shutil.disk_usage(home)
    is_short = usage.free < LEAST_FREE_SHARE * usage.total
    is_critical = usage.free < LEAST_FREE_BYTES
    level = CRITICAL if is_critical else WARNING if is_short else OK
    return Finding("disk", level, f"{usage.free / (1 << 30):,.1f} GiB free")


def _judge(age: timedelta, *, warning: timedelta, critical: timedelta) -> int:
    return CRITICAL if age > critical else WARNING if age > warning else OK


def _ago(age: timedelta) -> str:
    minutes = max(0, int(age / MINUTE))
    if minutes < 120:  # noqa: PLR2004 - two hours read better as minutes
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 72 else f"{hours // 24} days ago"  # noqa: PLR2004
