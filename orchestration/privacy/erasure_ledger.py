"""The ledger of erasures: who asked, which steps are done, what was found where."""

from collections.abc import Mapping
from typing import Literal

import psycopg
from psycopg import sql

Count = Literal["before_count", "removed_count", "changed_count"]


def open_request(
    connection: psycopg.Connection, subject_hash: bytes, reason: str
) -> tuple[int, frozenset[str]]:
    """Record a request, or find the open one; return its id and the steps done."""
    [(erasure_id, done)] = connection.execute(
        """
        insert into privacy.erasures (subject_hash, reason)
        values (%s, %s)
        on conflict (subject_hash) where state <> 'done'
        do update set state = 'running', failure = null
        returning erasure_id, done_steps
        """,
        (subject_hash, reason),
    ).fetchall()
    return erasure_id, frozenset(done)


def note_step(connection: psycopg.Connection, erasure_id: int, step: str) -> None:
    """Remember that a step is done."""
    connection.execute(
        """
        update privacy.erasures
        set state = 'running', done_steps = done_steps || %(step)s::text
        where erasure_id = %(erasure_id)s and not %(step)s = any(done_steps)
        """,
        {"erasure_id": erasure_id, "step": step},
    )


def note_failure(connection: psycopg.Connection, erasure_id: int, reason: str) -> None:
    """Remember why an erasure is not done."""
    connection.execute(
        """
        update privacy.erasures set state = 'failed', failure = %s
        where erasure_id = %s and state <> 'done'
        """,
        (reason, erasure_id),
    )


def note_done(connection: psycopg.Connection, erasure_id: int) -> None:
    """End an erasure, together with its receipt."""
    connection.execute(
        """
        update privacy.erasures
        set
            state = 'done', failure = null, finished_at = clock_timestamp(),
            done_steps = done_steps || '{prove}'
        where erasure_id = %s
        """,
        (erasure_id,),
    )


def note_visits(
    connection: psycopg.Connection,
    erasure_id: int,
    column: Count,
    counts: Mapping[str, int],
) -> None:
    """Note what was found or done where; a step that is done again adds up."""
    statement = sql.SQL(
        """
        insert into privacy.visits as known (erasure_id, place, {column})
        values (%s, %s, %s)
        on conflict (erasure_id, place)
        do update set {column} = known.{column} + excluded.{column}
        """
    ).format(column=sql.Identifier(column))
    for place, count in counts.items():
        connection.execute(statement, (erasure_id, place, count))


def read_visits(
    connection: psycopg.Connection, erasure_id: int
) -> list[dict[str, object]]:
    """Return what was found and done, place by place; a search found nothing after."""
    rows = connection.execute(
        """
        select place, before_count, removed_count, changed_count
        from privacy.visits
        where erasure_id = %s
        order by place
        """,
        (erasure_id,),
    )
    return [
        {
            "place": place,
            "before": before,
            "removed": removed,
            "changed": changed,
            "after": 0,
        }
        for place, before, removed, changed in rows
    ]
