"""Stages: what each one did and when, the heartbeat that needs no Dagster to read."""

import psycopg


def begin_stage(
    connection: psycopg.Connection,
    stage: str,
    *,
    build_id: int | None = None,
    run_id: str | None = None,
) -> int:
    """Note that a stage began; return what to end it by."""
    row = connection.execute(
        """
        insert into ops.stages (stage, build_id, run_id) values (%s, %s, %s)
        returning stage_id
        """,
        (stage, build_id, run_id),
    ).fetchone()
    return int(row[0]) if row else 0


def end_stage(
    connection: psycopg.Connection,
    stage_id: int,
    *,
    state: str = "succeeded",
    row_count: int | None = None,
) -> None:
    """Note how a stage ended: succeeded, failed, or skipped for want of news."""
    connection.execute(
        """
        update ops.stages
        set state = %s, row_count = %s, finished_at = clock_timestamp()
        where stage_id = %s
        """,
        (state, row_count, stage_id),
    )
