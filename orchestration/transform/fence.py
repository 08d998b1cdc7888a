"""The fence: one build at a time, and nothing of an older one can still write.

dbt commits per model, so no lock of its own spans a build. The truth lock is held by a
session of its own, and every bookkeeping write of the build goes through that very
session: a build that lost its lock cannot settle anything. What a killed worker left
running is ended by the takeover, and would fail in its next model anyway.
"""

from datetime import timedelta

import psycopg

from orchestration.warehouse.connection import connect

TRUTH = "daybook.truth"

# How long a takeover waits for the model in flight before it ends it.
MODEL_PATIENCE = timedelta(seconds=60)


class BuildRunningError(RuntimeError):
    """Another build, or a load, holds the truth and did not let go in time."""


class BuildLostError(RuntimeError):
    """The build was superseded or lost its lock, and may not settle anything."""


def hold_truth(url: str, *, patience: timedelta) -> psycopg.Connection:
    """Open a session that holds the truth lock until it is closed.

    Loads wait while it is held; SIGKILL and a lost connection let go of it.

    Raises
    ------
    BuildRunningError
        If the lock was not free within `patience`.
    """
    connection = connect(url, application_name="daybook build", autocommit=True)
    try:
        # Without keepalives a vanished host would hold the lock for two hours.
        connection.execute(
            """
            select
                set_config('tcp_keepalives_idle', '30', false),
                set_config('tcp_keepalives_interval', '10', false),
                set_config('tcp_keepalives_count', '3', false),
                set_config('lock_timeout', %s, false)
            """,
            (_milliseconds(patience),),
        )
        connection.execute("select pg_advisory_lock(hashtext(%s))", (TRUTH,))
        connection.execute("set lock_timeout = 0")
    except psycopg.errors.LockNotAvailable as error:
        connection.close()
        msg = f"the truth was not free within {patience}: a build or a load is running"
        raise BuildRunningError(msg) from error
    except BaseException:
        connection.close()
        raise
    return connection


def current_build(connection: psycopg.Connection) -> int | None:
    """Return the build that may write, or was the last to; None before the first."""
    row = connection.execute("select build_id from ops.current_build").fetchone()
    return int(row[0]) if row else None


def take_over(connection: psycopg.Connection, *, build_id: int) -> list[int]:
    """Make the build the only one that may write; return the builds it superseded."""
    try:
        _set_current(connection, build_id=build_id, patience=MODEL_PATIENCE)
    except psycopg.errors.LockNotAvailable:
        # The model in flight belongs to a build that lost its lock: its work is void.
        _end_sessions(connection, build_id=build_id)
        _set_current(connection, build_id=build_id, patience=MODEL_PATIENCE)
    _end_sessions(connection, build_id=build_id)
    rows = connection.execute(
        """
        update ops.builds
        set
            state = 'superseded',
            reason = 'superseded by build ' || %(build_id)s,
            finished_at = clock_timestamp()
        where state = 'running' and build_id < %(build_id)s
        returning build_id
        """,
        {"build_id": build_id},
    )
    # What a killed worker cannot say any more.
    connection.execute(
        """
        update ops.stages
        set state = 'failed', finished_at = clock_timestamp()
        where state = 'running' and build_id < %s
        """,
        (build_id,),
    )
    connection.execute(
        "select set_config('application_name', %s, false)",
        (f"daybook build {build_id}",),
    )
    return sorted(superseded for (superseded,) in rows)


def require_current(connection: psycopg.Connection, *, build_id: int) -> None:
    """Keep the build current until the transaction ends.

    Raises
    ------
    BuildLostError
        If another build took over.
    """
    try:
        connection.execute("select ops.require_build(%s)", (build_id,))
    except psycopg.Error as error:
        if error.sqlstate != "DB001":
            raise
        msg = f"build {build_id} was superseded"
        raise BuildLostError(msg) from error


def _set_current(
    connection: psycopg.Connection, *, build_id: int, patience: timedelta
) -> None:
    with connection.transaction():
        connection.execute(
            "select set_config('lock_timeout', %s, true)", (_milliseconds(patience),)
        )
        connection.execute(
            """
            insert into ops.current_build (build_id) values (%s)
            on conflict (is_only) do update set build_id = excluded.build_id
            """,
            (build_id,),
        )


def _end_sessions(connection: psycopg.Connection, *, build_id: int) -> None:
    """End what is left of older builds, and wait until it is gone."""
    connection.execute(
        """
        select pg_terminate_backend(activity.pid, 10000)
        from pg_stat_activity as activity
        where
            activity.datname = current_database()
            and activity.pid <> pg_backend_pid()
            and activity.application_name ~ '^daybook build [0-9]+$'
            and substring(activity.application_name from '[0-9]+$')::bigint < %s
        """,
        (build_id,),
    )


def _milliseconds(duration: timedelta) -> str:
    return f"{duration // timedelta(milliseconds=1)}ms"
