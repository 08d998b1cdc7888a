"""Claims: which touched days and devices a build takes on, row by row.

A high-water mark over the ledger would lose what a load commits after a later one, so
a build names every row it claims and settles exactly those.
"""

from dataclasses import dataclass
from datetime import date

import psycopg


@dataclass(frozen=True)
class TouchedDay:
    """A day that no succeeded build has settled, and what touched it.

    Attributes
    ----------
    load_ids, sources, kinds : tuple
        The loads of the day, in order, and where they came from; no row's values.
    row_count : int
        Rows added, replaced or removed.
    """

    day: date
    load_ids: tuple[int, ...]
    sources: tuple[str, ...]
    kinds: tuple[str, ...]
    row_count: int


def unsettled_days(connection: psycopg.Connection) -> list[TouchedDay]:
    """Return the days that the next build will claim, oldest first."""
    rows = connection.execute(
        """
        select
            touched.occurred_on,
            array_agg(distinct touched.load_id order by touched.load_id),
            array_agg(distinct loads.source order by loads.source),
            array_agg(distinct loads.kind order by loads.kind),
            sum(touched.row_count)::bigint
        from ops.touched_days as touched
        inner join ops.loads as loads using (load_id)
        where touched.settled_by is null
        group by touched.occurred_on
        order by touched.occurred_on
        """
    )
    return [
        TouchedDay(day, tuple(load_ids), tuple(sources), tuple(kinds), row_count)
        for day, load_ids, sources, kinds, row_count in rows
    ]


def unsettled_device_count(connection: psycopg.Connection) -> int:
    """Return how many devices have touched rows that no build has settled."""
    row = connection.execute(
        "select count(distinct device_id) from ops.touched_devices"
    ).fetchone()
    return int(row[0]) if row else 0


def claim(connection: psycopg.Connection, *, build_id: int) -> None:
    """Claim every unsettled row for the build, inside the caller's transaction.

    The touched days and what unsettled builds before this one changed become the
    build's own changes: a failed build may have rebuilt a parent whose children it
    never reached, and the parent will find nothing to change the second time.
    """
    connection.execute("truncate ops.claimed_days, ops.claimed_devices")
    parameters = {"build_id": build_id}
    for statement in _CLAIM:
        connection.execute(statement, parameters)
    # Temporary statistics: the planner takes an empty table for granted otherwise.
    connection.execute("analyze ops.claimed_devices, ops.touched_devices")


def settle(connection: psycopg.Connection, *, build_id: int) -> None:
    """Settle the claims of a succeeded build of the full selection."""
    parameters = {"build_id": build_id}
    for statement in _SETTLE:
        connection.execute(statement, parameters)


_CLAIM = (
    """
    insert into ops.claimed_days (build_id, touched_id)
    select %(build_id)s, touched_id
    from ops.touched_days
    where settled_by is null
    """,
    """
    insert into ops.claimed_devices (build_id, touched_id)
    select %(build_id)s, touched_id
    from ops.touched_devices
    """,
    """
    insert into ops.changed (build_id, model, day)
    select distinct
        %(build_id)s::bigint, parents.model, touched.occurred_on
    from ops.touched_days as touched
    inner join ops.claimed_days as claimed using (touched_id)
    cross join lateral unnest(
        case
            when touched.event_name in ('*', 'account') then array['*']
            when starts_with(touched.event_name, 'app:')
                then array['raw.app', 'raw.app_' || substr(touched.event_name, 5)]
            else array['raw.events']
        end
    ) as parents (model)
    where claimed.build_id = %(build_id)s
    """,
    # An account that is left out, or no longer, is as good as another owner.
    """
    insert into ops.changed (build_id, model, day)
    select distinct
        %(build_id)s::bigint, 'identity.device_owners', touched.occurred_on
    from ops.touched_days as touched
    inner join ops.claimed_days as claimed using (touched_id)
    where claimed.build_id = %(build_id)s and touched.event_name = 'account'
    """,
    """
    insert into ops.changed_units (build_id, model, unit_key)
    select distinct
        %(build_id)s::bigint, 'identity.device_owners', owners.person_key
    from ops.claimed_devices as claimed
    inner join ops.touched_devices as touched using (touched_id)
    inner join ops.loads as loads using (load_id)
    inner join identity.device_owners as owners using (device_id)
    where
        claimed.build_id = %(build_id)s
        and loads.kind = 'touch'
        and loads.source = 'accounts'
    """,
    """
    insert into ops.changed (build_id, model, day)
    select distinct %(build_id)s::bigint, changed.model, changed.day
    from ops.changed as changed
    where
        changed.build_id < %(build_id)s
        and changed.build_id > (
            select coalesce(max(builds.build_id), 0)
            from ops.builds as builds
            where builds.state = 'succeeded' and builds.is_full_selection
        )
    on conflict do nothing
    """,
    """
    insert into ops.changed_units (build_id, model, unit_key)
    select distinct %(build_id)s::bigint, changed.model, changed.unit_key
    from ops.changed_units as changed
    where
        changed.build_id < %(build_id)s
        and changed.build_id > (
            select coalesce(max(builds.build_id), 0)
            from ops.builds as builds
            where builds.state = 'succeeded' and builds.is_full_selection
        )
    on conflict do nothing
    """,
)

_SETTLE = (
    """
    update ops.touched_days as touched
    set settled_by = %(build_id)s
    from ops.claimed_days as claimed
    where
        claimed.touched_id = touched.touched_id
        and claimed.build_id = %(build_id)s
        and touched.settled_by is null
    """,
    """
    delete from ops.touched_devices as touched
    using ops.claimed_devices as claimed
    where
        claimed.touched_id = touched.touched_id
        and claimed.build_id = %(build_id)s
    """,
    "delete from ops.claimed_devices where build_id = %(build_id)s",
    "delete from ops.claimed_days where build_id = %(build_id)s",
    "delete from ops.build_extents where build_id <= %(build_id)s",
    # Every build adds rows; what is settled, published and old nobody asks for again.
    """
    delete from ops.changed
    using ops.builds as builds, published.status as status
    where
        changed.build_id = builds.build_id
        and builds.build_id < status.build_id
        and builds.finished_at < clock_timestamp() - interval '30 days'
    """,
)
