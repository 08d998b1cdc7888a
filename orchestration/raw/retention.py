"""Retention of raw events: a day goes by dropping its partition, at any size."""

from datetime import date

import psycopg
from psycopg import sql

from orchestration.raw.partitions import partition_name
from orchestration.warehouse.connection import connect

# Settled by no build: the days before the retention floor are frozen, what the marts
# say of them stays.
FROZEN = 0


def purge_day(url: str, day: date, *, reason: str, is_frozen: bool = True) -> int:
    """Drop the partition of a day and record what went; keys stay.

    The cost does not depend on the rows: what the day held is known from the ledger.
    Killed anywhere, the same call finishes the work.

    Parameters
    ----------
    url : str
        The warehouse.
    day : date
        A day of the reporting timezone.
    reason : str
        Why, for the ledger.
    is_frozen : bool
        Whether tables right of raw keep what they say of the day; otherwise the next
        build follows.

    Returns
    -------
    int
        How many rows went.
    """
    with connect(url, application_name="daybook purge", autocommit=True) as connection:
        # Exclusive: detaching would wait for a load that waits for the detached table.
        connection.execute("select pg_advisory_lock(hashtext('daybook.truth'))")
        if not _detach(connection, day):
            return 0
        with connection.transaction():
            removed = _record(connection, day, reason=reason, is_frozen=is_frozen)
            connection.execute(
                sql.SQL("drop table {}").format(
                    sql.Identifier("raw", partition_name(day))
                )
            )
    return removed


def _detach(connection: psycopg.Connection, day: date) -> bool:
    """Detach the partition without locking readers out; whether there was one."""
    state = connection.execute(
        """
        select children.inhdetachpending
        from pg_class as tables
        left join pg_inherits as children on tables.oid = children.inhrelid
        where tables.oid = to_regclass(%s)
        """,
        (f"raw.{partition_name(day)}",),
    ).fetchone()
    if state is None:
        return False
    (is_pending,) = state
    if is_pending is not None:
        # A purge that was killed leaves the detaching pending, or done and no parent.
        connection.execute(
            sql.SQL("alter table raw.events detach partition {} {}").format(
                sql.Identifier("raw", partition_name(day)),
                sql.SQL("finalize" if is_pending else "concurrently"),
            )
        )
    return True


def _record(
    connection: psycopg.Connection, day: date, *, reason: str, is_frozen: bool
) -> int:
    """Write a ledger row per source whose rows go, and what the day lost."""
    [(removed,)] = connection.execute(
        """
        with held as (
            select loads.source, touched.event_name, sum(touched.row_change) as rows
            from ops.touched_days as touched
            inner join ops.loads as loads on touched.load_id = loads.load_id
            where touched.occurred_on = %(day)s
            group by loads.source, touched.event_name
            having sum(touched.row_change) <> 0
        ),

        purges as (
            insert into ops.loads (kind, source, reason, started_at, removed_count)
            select 'purge', source, %(reason)s, now(), sum(rows)
            from held
            group by source
            returning load_id, source, removed_count
        ),

        days as (
            insert into ops.touched_days (
                load_id, occurred_on, event_name, row_count, row_change, settled_by
            )
            select
                purges.load_id, %(day)s, held.event_name, held.rows, -held.rows,
                %(settled_by)s
            from held inner join purges on held.source = purges.source
        )

        select coalesce(sum(removed_count), 0)::bigint from purges
        """,
        {
            "day": day,
            "reason": f"{day.isoformat()}: {reason}",
            "settled_by": FROZEN if is_frozen else None,
        },
    ).fetchall()
    return removed
