"""A manual backfill: days touched by hand, claimed by the next build as any other."""

from datetime import date, timedelta

import psycopg
from psycopg import sql

from orchestration.transform.extents import SESSIONS, day_literals

# A slip of the keyboard should not rebuild a century.
MOST_DAYS = 4000


def touch_days(
    connection: psycopg.Connection, *, first_day: date, last_day: date, reason: str
) -> int:
    """Touch every day from first to last and every device with rows on them.

    Devices whose rows are gone but whose sessions remain are touched too: repairing
    what somebody removed by hand is what a backfill is for.

    Returns
    -------
    int
        The load in the ledger that carries the reason.

    Raises
    ------
    ValueError
        If the days are in the wrong order or too many, or no reason is given.
    """
    every_day = _every_day(first_day, last_day)
    if not reason.strip():
        msg = "reason must say why the days are built again"
        raise ValueError(msg)
    with connection.transaction():
        # A touch is a write to the truth: it waits for a running build, like a load.
        connection.execute(
            "select pg_advisory_xact_lock_shared(hashtext('daybook.truth'))"
        )
        row = connection.execute(_LOAD, (reason.strip(),)).fetchone()
        load_id = int(row[0]) if row else 0
        connection.execute(_DAYS, (load_id, every_day))
        _touch_devices(connection, load_id=load_id, days=every_day)
    return load_id


def _every_day(first_day: date, last_day: date) -> list[date]:
    count = (last_day - first_day).days + 1
    if not 0 < count <= MOST_DAYS:
        msg = f"first_day and last_day must span 1 to {MOST_DAYS} days, got {count}"
        raise ValueError(msg)
    return [first_day + timedelta(days=number) for number in range(count)]


def _touch_devices(
    connection: psycopg.Connection, *, load_id: int, days: list[date]
) -> None:
    known = connection.execute(
        "select to_regclass(%s)", (".".join(SESSIONS),)
    ).fetchone()
    sessions = sql.SQL(_SESSIONS if known and known[0] else "").format(
        sessions=sql.Identifier(*SESSIONS), days=day_literals(days)
    )
    connection.execute(
        sql.SQL(_DEVICES).format(
            load_id=sql.Literal(load_id), days=day_literals(days), sessions=sessions
        )
    )


_LOAD = """
    insert into ops.loads (kind, source, started_at, reason)
    values ('touch', 'touch_days', clock_timestamp(), %s)
    returning load_id
"""

_DAYS = """
    insert into ops.touched_days (load_id, occurred_on, event_name, row_count)
    select %s, days.day, '*', 0
    from unnest(%s::date[]) as days (day)
"""

_DEVICES = """
    insert into ops.touched_devices (load_id, device_id, first_at, last_at)
    select
        {load_id},
        touched.device_id,
        min(touched.first_at),
        max(touched.last_at)
    from (
        select
            events.device_id,
            events.occurred_on as day,
            events.occurred_at as first_at,
            events.occurred_at as last_at
        from raw.events as events
        where events.occurred_on in ({days}) and events.device_id is not null
        {sessions}
    ) as touched
    group by touched.device_id, touched.day
"""

_SESSIONS = """
        union all
        select
            sessions.device_id,
            sessions.started_on as day,
            sessions.started_at as first_at,
            sessions.ended_at as last_at
        from {sessions} as sessions
        where sessions.started_on in ({days})
"""
