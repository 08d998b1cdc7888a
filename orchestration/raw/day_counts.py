"""The days of raw: which are kept, how many rows they hold, and of which version."""

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from orchestration.privacy.retention import read_retention
from orchestration.settings import Settings
from orchestration.transform.extents import day_literals

WITHOUT_RETENTION = date(2015, 1, 1)


def first_kept_month(settings: Settings, *, now: datetime) -> date:
    """Return the first of the month in which the retention floor lies."""
    policy = read_retention(settings.registry_dir)
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    floor = policy.floor("raw_events", today=today) if policy else None
    return (floor or WITHOUT_RETENTION).replace(day=1)


def count_rows(
    connection: psycopg.Connection, days: Collection[date]
) -> list[tuple[date, int]]:
    """Count the accepted events of some days, by literals: only those are read."""
    if not days:
        return []
    query = sql.SQL(
        """
        select occurred_on, count(*) from raw.events
        where occurred_on in ({}) group by occurred_on order by occurred_on
        """
    ).format(day_literals(sorted(days)))
    return connection.execute(query).fetchall()


def truth_version(connection: psycopg.Connection) -> str:
    """Name what raw holds now: the last load that changed anything."""
    [(load_id,)] = connection.execute(
        "select coalesce(max(load_id), 0) from ops.loads"
    ).fetchall()
    return f"load {load_id}"
