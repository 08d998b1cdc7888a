"""Pauses: schedules and sensors start nothing until somebody resumes."""

import psycopg


def pause(connection: psycopg.Connection, *, reason: str) -> bool:
    """Pause everything that starts by itself; False if it was paused already.

    Raises
    ------
    ValueError
        If no reason is given: whoever finds the pause must know why.
    """
    if not reason.strip():
        msg = "reason must say why nothing may start"
        raise ValueError(msg)
    paused = connection.execute(
        """
        insert into ops.pauses (reason) values (%s)
        on conflict ((resumed_at is null)) where resumed_at is null do nothing
        """,
        (reason.strip(),),
    )
    return paused.rowcount == 1


def resume(connection: psycopg.Connection) -> bool:
    """End the pause; the next build claims what was missed. False without one."""
    resumed = connection.execute(
        "update ops.pauses set resumed_at = clock_timestamp() where resumed_at is null"
    )
    return resumed.rowcount == 1


def pause_reason(connection: psycopg.Connection) -> str | None:
    """Return why nothing may start by itself; None if everything may."""
    row = connection.execute(
        """
        select to_char(paused_at, 'YYYY-MM-DD HH24:MI') || ' UTC: ' || reason
        from ops.pauses where resumed_at is null
        """
    ).fetchone()
    return str(row[0]) if row else None
