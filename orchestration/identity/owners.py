"""Owners: whose the anonymous events of a device are, from the evidence alone."""

from datetime import date

import psycopg


def replace_owners(
    connection: psycopg.Connection,
    *,
    build_id: int,
    timezone: str,
    is_full: bool,
) -> list[date]:
    """Decide the owners of the devices in `stale_devices` anew.

    Returns the days that hold anonymous events of a device while its owner changed,
    and writes them to `ops.changed`.
    """
    if is_full:
        # Every device, and every day it has.
        connection.execute(
            "insert into stale_devices select device_id from identity.device_owners"
        )
    connection.execute(_BEFORE)
    connection.execute(_REMOVE)
    connection.execute(_ADD)
    rows = connection.execute(
        _STALE_DAYS, {"build_id": build_id, "timezone": timezone}
    ).fetchall()
    connection.execute("drop table owners_before")
    return sorted(day for (day,) in rows)


_BEFORE = """
    create temporary table owners_before on commit drop as
    select owners.*
    from identity.device_owners as owners
    where owners.device_id in (select device_id from stale_devices)
"""

_REMOVE = """
    delete from identity.device_owners
    where device_id in (select device_id from stale_devices)
"""

# A run owns the device from the start of its session, or from just after the run
# before it when that is later, until the next run begins to own it. A microsecond is
# the resolution of a timestamp, so nothing lies between.
_ADD = """
    insert into identity.device_owners (device_id, valid_from, valid_to, user_id)
    with runs as (
        select
            device_id,
            user_id,
            first_at,
            run_number,
            greatest(
                session_started_at,
                lag(last_at) over device + interval '1 microsecond'
            ) as begins_at
        from identity.evidence
        where device_id in (select device_id from stale_devices)
        window device as (partition by device_id order by first_at, run_number)
    ),

    held as (
        select
            device_id,
            user_id,
            tstzrange(
                begins_at,
                coalesce(lead(begins_at) over device, 'infinity'),
                '[)'
            ) as held
        from runs
        window device as (partition by device_id order by first_at, run_number)
    ),

    merged as (
        select
            device_id,
            user_id,
            unnest(range_agg(held)) as held
        from held
        group by device_id, user_id
    )

    select
        device_id,
        lower(held),
        upper(held),
        user_id
    from merged
"""

_STALE_DAYS = """
    with before as (
        select
            device_id,
            user_id,
            range_agg(tstzrange(valid_from, valid_to, '[)')) as held
        from owners_before
        group by device_id, user_id
    ),

    after as (
        select
            device_id,
            user_id,
            range_agg(tstzrange(valid_from, valid_to, '[)')) as held
        from identity.device_owners
        where device_id in (select device_id from stale_devices)
        group by device_id, user_id
    ),

    differences as (
        select
            device_id,
            (coalesce(before.held, '{}') - coalesce(after.held, '{}'))
            + (coalesce(after.held, '{}') - coalesce(before.held, '{}')) as held
        from before
        full join after using (device_id, user_id)
    ),

    stale as (
        select distinct days.occurred_on
        from differences
        inner join identity.anonymous_days as days using (device_id)
        where
            not isempty(differences.held)
            and differences.held && tstzrange(
                days.occurred_on::timestamp at time zone %(timezone)s,
                (days.occurred_on + 1)::timestamp at time zone %(timezone)s,
                '[)'
            )
    ),

    written as (
        insert into ops.changed (build_id, model, day)
        select %(build_id)s, 'identity.device_owners', stale.occurred_on
        from stale
        on conflict do nothing
    )

    select occurred_on from stale
"""
