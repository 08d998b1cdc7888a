"""The planner: what it knows of the days that a build reads."""

from collections.abc import Sequence
from datetime import date

import psycopg
from psycopg import sql

# The columns that models filter and join by; wide ones would only cost.
_COLUMNS = (
    "occurred_on",
    "occurred_at",
    "event_name",
    "device_id",
    "user_id",
    "is_interactive",
    "is_bot",
    "is_internal",
    "is_test",
    "purposes",
)


def analyze_days(connection: psycopg.Connection, days: Sequence[date]) -> int:
    """Analyse the partitions of raw.events that grew much; return how many.

    A day that was just loaded has no statistics until autovacuum comes by. The planner
    then expects one row of thousands, and joins of such days run in quadratic time.
    What Postgres counts as modified is no guide: an analysis of some columns leaves it.
    """
    stale = connection.execute(
        """
        select tables.relname
        from pg_class as tables
        where
            tables.relnamespace = 'raw'::regnamespace
            and tables.relname = any(%s)
            and (
                tables.reltuples < 0
                or pg_relation_size(tables.oid)
                > 1.1 * tables.relpages * current_setting('block_size')::integer
            )
        order by tables.relname
        """,
        ([f"events_{day:%Y%m%d}" for day in days],),
    ).fetchall()
    columns = sql.SQL(", ").join([sql.Identifier(name) for name in _COLUMNS])
    for (name,) in stale:
        connection.execute(
            sql.SQL("analyze {} ({})").format(sql.Identifier("raw", name), columns)
        )
    return len(stale)
