"""How many rows each of some days holds, and which version of the truth that is."""

from collections.abc import Collection
from datetime import date

import psycopg
from psycopg import sql

from orchestration.transform.extents import day_literals


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
