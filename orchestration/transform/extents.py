"""Extents: how far around a touched device's rows its sessions may change.

An interactive event at t holds its chain open during [t, t + 30 min]; a chain is a
connected piece of the union of these intervals. Every row that came or went lies
inside a touched range, and everything else is in the sessions table already. So the
connected pieces of old sessions together with the touched ranges can be no finer than
the chains before or after, and those that hold a touched range are what may change:
exact for any order of arrival, without reading raw.
"""

from collections.abc import Iterable
from datetime import date

import psycopg
from psycopg import sql

# The agreed shape of the sessions model: one row per session with these columns,
# before any filter, and an index that begins with device_id.
SESSIONS = ("intermediate", "int_events_sessionized")


def write_extents(connection: psycopg.Connection, *, build_id: int) -> int:
    """Write the extents of the devices that the build claimed; return how many."""
    connection.execute("truncate ops.build_extents")
    known = connection.execute(
        "select to_regclass(%s)", (".".join(SESSIONS),)
    ).fetchone()
    sessions = (
        sql.SQL("select * from {}").format(sql.Identifier(*SESSIONS))
        if known and known[0]
        else sql.SQL(_NO_SESSIONS)
    )
    written = connection.execute(
        sql.SQL(_EXTENTS).format(sessions=sessions), {"build_id": build_id}
    )
    connection.execute("analyze ops.build_extents")
    return written.rowcount


def build_days(
    connection: psycopg.Connection, *, build_id: int, timezone: str
) -> list[date]:
    """Return every day whose rows the build may have to read, in order.

    These are the days whose events changed and the days of the extents: a chain that
    was touched on its third day is rebuilt from its first. What changed in the app only
    has models read the app.
    """
    rows = connection.execute(
        """
        select changed.day
        from ops.changed as changed
        where
            changed.build_id = %(build_id)s
            and changed.model in ('raw.events', 'identity.device_owners', '*')
        union
        select days.day::date
        from ops.build_extents as extents
        cross join lateral generate_series(
            (extents.from_at at time zone %(timezone)s)::date,
            (extents.to_at at time zone %(timezone)s)::date,
            interval '1 day'
        ) as days (day)
        where extents.build_id = %(build_id)s
        order by 1
        """,
        {"build_id": build_id, "timezone": timezone},
    )
    return [day for (day,) in rows]


def day_literals(days: Iterable[date]) -> sql.Composable:
    """Return the days as literals, since only those let Postgres prune partitions."""
    literals = [sql.Literal(day) for day in days]
    return sql.SQL(", ").join(literals) if literals else sql.SQL("null::date")


_NO_SESSIONS = """
    select
        null::text as device_id,
        null::timestamptz as started_at,
        null::timestamptz as ended_at
    where false
"""

_EXTENTS = """
    insert into ops.build_extents (build_id, device_id, from_at, to_at)
    with seeds as (
        select
            touched.device_id,
            range_agg(
                tstzrange(
                    touched.first_at, touched.last_at + interval '30 minutes', '[]'
                )
            ) as ranges
        from ops.touched_devices as touched
        inner join ops.claimed_devices as claimed using (touched_id)
        where claimed.build_id = %(build_id)s
        group by touched.device_id
    ),

    intervals as (
        select
            seeds.device_id,
            unnest(seeds.ranges) as held
        from seeds
        union all
        select
            sessions.device_id,
            tstzrange(
                sessions.started_at,
                sessions.ended_at + interval '30 minutes',
                '[]'
            ) as held
        from ({sessions}) as sessions
        inner join seeds using (device_id)
    ),

    chains as (
        select
            intervals.device_id,
            unnest(range_agg(intervals.held)) as held
        from intervals
        group by intervals.device_id
    )

    select
        %(build_id)s,
        chains.device_id,
        lower(chains.held),
        upper(chains.held)
    from chains
    inner join seeds using (device_id)
    where chains.held && seeds.ranges
"""
