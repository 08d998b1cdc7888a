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
    """Analyse the partitions of raw.events that changed much; return how many.

    A day that was just loaded has no statistics until autovacuum comes by. The planner
    then expects one row of thousands, and joins of such days run in quadratic time.
    """
    stale = connection.execute(
        """
        select tables.relname
        from pg_stat_all_tables as tables
        where
            tables.schemaname = 'raw'
            and tables.relname = any(%s)
            and (
                coalesce(tables.last_analyze, tables.last_autoanalyze) is null
                or tables.n_mod_since_analyze > tables.n_live_tup / 10
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
