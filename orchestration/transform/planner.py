"""The planner: what it knows of the days and the owners that a build reads."""

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
    """
    names = [f"events_{day:%Y%m%d}" for day in days]
    return _analyze(connection, "raw", names, columns=_COLUMNS)


def analyze_owners(connection: psycopg.Connection) -> bool:
    """Analyse the owners of devices if they grew much; return whether they did.

    Of a table without statistics the planner knows nothing, and has put millions of
    events into a hash rather than their owners.
    """
    return _analyze(connection, "identity", ["device_owners"]) > 0


def _analyze(
    connection: psycopg.Connection,
    schema: str,
    names: Sequence[str],
    *,
    columns: Sequence[str] = (),
) -> int:
    """Analyse those that were not, or that are a tenth larger than then.

    What Postgres counts as modified is no guide: an analysis of some columns leaves it.
    """
    stale = connection.execute(
        """
        select tables.relname
        from pg_class as tables
        where
            tables.relnamespace = %s::regnamespace
            and tables.relname = any(%s)
            and (
                tables.reltuples < 0
                or pg_relation_size(tables.oid)
                > 1.1 * tables.relpages * current_setting('block_size')::integer
            )
        order by tables.relname
        """,
        (schema, list(names)),
    ).fetchall()
    listed = sql.SQL(", ").join([sql.Identifier(name) for name in columns])
    only = sql.SQL("({})").format(listed) if columns else sql.SQL("")
    for (name,) in stale:
        connection.execute(
            sql.SQL("analyze {} {}").format(sql.Identifier(schema, name), only)
        )
    return len(stale)
