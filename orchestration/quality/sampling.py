"""Samples: days of long ago, looked at again though nothing touched them.

What a build rebuilds is checked at once. Days that no build touches are checked by
nobody else: a hand that edits a mart, a disk that forgets, a rule that was wrong once.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import LiteralString

import psycopg

from orchestration.quality.published_tables import PublishedTable
from orchestration.quality.recounts import (
    MISCOUNTED,
    OUTSIDE,
    RECOUNT,
    find_wrong_days,
)
from orchestration.raw.partitions import partition_days
from orchestration.transform.equivalence import unpublished_tables

_RECOUNTS: tuple[tuple[str, LiteralString], ...] = (
    ("events of the metrics", RECOUNT),
    ("sessions of the events", OUTSIDE),
    ("views of the sessions", MISCOUNTED),
)


def sample_days(connection: psycopg.Connection, *, count: int, draw: str) -> list[date]:
    """Return some days that are built and untouched since.

    Parameters
    ----------
    draw : str
        Another draw gives other days; the same gives the same.
    """
    rows = connection.execute(
        """
        select days.day
        from unnest(%s::date[]) as days (day)
        where not exists (
            select from ops.touched_days as touched
            where
                touched.settled_by is null
                -- A session ends on the day after its start at the latest.
                and touched.occurred_on between days.day and days.day + 1
        )
        order by md5(days.day::text || %s)
        limit %s
        """,
        (sorted(partition_days(connection)), draw, count),
    )
    return sorted(day for (day,) in rows)


def find_differences(
    connection: psycopg.Connection,
    tables: Sequence[PublishedTable],
    *,
    days: Sequence[date],
) -> list[str]:
    """Return what is not as it was built: what, and of which day or days."""
    if not days:
        return []
    stale = unpublished_tables(connection, tables, days=days)
    published = [f"published rows of {name}" for name in stale]
    return [*_miscounted(connection, days), *published]


def _miscounted(connection: psycopg.Connection, days: Sequence[date]) -> Iterator[str]:
    for what, query in _RECOUNTS:
        for day in find_wrong_days(connection, query, days=days):
            yield f"{what} of {day}"
