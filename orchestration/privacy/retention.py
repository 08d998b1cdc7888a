"""Retention: what is older than its class may be goes, and what it came to stays.

The days before the floor of raw events are frozen: their partitions are dropped, builds
do not hear of it, and readers keep the numbers that were published of them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from orchestration.identity.firsts import keep_firsts
from orchestration.privacy.person_retention import PersonTable, purge_person_rows
from orchestration.raw.ledger import open_load
from orchestration.raw.partitions import partition_days
from orchestration.raw.retention import purge_day
from orchestration.registry.documents import read_document
from orchestration.registry.policies import Retention
from orchestration.settings import Settings
from orchestration.warehouse.connection import connect

LOGGER = logging.getLogger(__name__)

REASON = "retention"


@dataclass
class RetentionReport:
    """What went, or in a dry run would go.

    Attributes
    ----------
    rows_by_day : dict of date to int
        Events of every day before the floor.
    set_aside_count : int
        Records that were set aside too long ago.
    person_rows : dict of str to int
        Rows of single persons, by table, that are older than their class may be.
    """

    floor: date | None = None
    rows_by_day: dict[date, int] = field(default_factory=dict)
    set_aside_count: int = 0
    person_rows: dict[str, int] = field(default_factory=dict)


def apply_retention(
    url: str,
    *,
    settings: Settings,
    now: datetime,
    tables: Sequence[PersonTable] = (),
    dry_run: bool = False,
) -> RetentionReport:
    """Purge what `registry/retention.yml` no longer allows; twice purges once.

    Killed anywhere, the next run goes on.

    Parameters
    ----------
    tables : sequence of PersonTable
        Where models keep rows of single persons.
    """
    report = RetentionReport()
    policy = read_retention(settings.registry_dir)
    if policy is None:
        return report
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    report.floor = policy.floor("raw_events", today=today)
    days = policy.days("set_aside")
    with connect(url, application_name="daybook retention") as connection:
        if report.floor is not None:
            report.rows_by_day = _rows_before(connection, report.floor)
        if days is not None:
            report.set_aside_count = _purge_set_aside(connection, now=now, days=days)
        floor = policy.floor("person_rows", today=today)
        # A day that may be built again would have them again.
        if floor is not None and report.floor is not None and tables:
            before = min(floor, report.floor)
            report.person_rows = purge_person_rows(connection, tables, before=before)
        if dry_run:
            connection.rollback()
        else:
            keep_firsts(connection, days=list(report.rows_by_day))
    if not dry_run:
        for day in report.rows_by_day:
            report.rows_by_day[day] = purge_day(url, day, reason=REASON)
            LOGGER.debug("purged %s: %s rows", day, report.rows_by_day[day])
    return report


def read_retention(registry: Path) -> Retention | None:
    """Return how long each class of data is kept; None keeps everything."""
    path = registry / "retention.yml"
    if not path.exists():
        return None
    document = read_document(path.read_bytes(), file=path.name)
    return Retention.model_validate(document.data)


def _rows_before(connection: psycopg.Connection, floor: date) -> dict[date, int]:
    """Return the days to purge with their rows by the ledger, which costs no scan.

    A purge that was killed left a day whose partition is detached, and its rows in the
    ledger; it is taken up again.
    """
    known = connection.execute(
        """
        select occurred_on, sum(row_change)::bigint
        from ops.touched_days
        where occurred_on < %s
        group by occurred_on
        having sum(row_change) <> 0
        """,
        (floor,),
    ).fetchall()
    days = {day: 0 for day in partition_days(connection) if day < floor}
    days |= dict(known)
    return dict(sorted(days.items()))


def _purge_set_aside(
    connection: psycopg.Connection, *, now: datetime, days: int
) -> int:
    """Delete records that nobody released in time, with a ledger row per source."""
    rows = connection.execute(
        """
        with purged as (
            delete from raw.set_aside
            where set_aside_at < %s::timestamptz - make_interval(hours => 24 * %s)
            returning source
        )

        select source, count(*) from purged group by source order by source
        """,
        (now, days),
    ).fetchall()
    for source, count in rows:
        # Nothing leaves raw.events by this, so the ledger removes no rows.
        open_load(
            connection,
            "purge",
            source=source,
            reason=f"{REASON}: {count} records that were set aside",
        )
    return sum(count for _, count in rows)
