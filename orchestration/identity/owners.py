"""Owners: whose the anonymous events of a device are, from the evidence alone."""

from datetime import date
from typing import LiteralString

import psycopg
from psycopg import sql


def replace_owners(
    connection: psycopg.Connection,
    *,
    build_id: int,
    timezone: str,
    mode: str,
    is_full: bool,
) -> list[date]:
    """Decide the owners of the devices in `stale_devices` anew.

    Returns the days that hold anonymous events of a device while its owner changed,
    and writes them to `ops.changed`; and to `ops.changed_units` whoever a device with
    other owners stood for or stands for, unless everything is made anew.
    """
    if is_full:
        # Every device, and every day it has.
        connection.execute(
            "insert into stale_devices select device_id from identity.device_owners"
        )
    connection.execute("analyze stale_devices")
    connection.execute(_BEFORE)
    connection.execute(_REMOVE)
    connection.execute(sql.SQL(_ADD[mode]).format(runs=sql.SQL(_RUNS)))
    terms = {"build_id": build_id, "timezone": timezone}
    rows = connection.execute(_STALE_DAYS, terms).fetchall()
    if not is_full:
        connection.execute(_STALE_PERSONS, terms)
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
_RUNS = """
    with runs as (
        select
            evidence.device_id,
            coalesce(
                persons.person_key,
                evidence.identifier_type || ' ' || evidence.identifier
            ) as person_key,
            evidence.first_at,
            evidence.run_number,
            greatest(
                evidence.session_started_at,
                lag(evidence.last_at) over device + interval '1 microsecond'
            ) as begins_at
        from identity.evidence as evidence
        left join identity.persons as persons using (identifier_type, identifier)
        where evidence.device_id in (select device_id from stale_devices)
        window device as (
            partition by evidence.device_id
            order by evidence.first_at, evidence.run_number
        )
    ),
"""

_ADD_TIME_BOUNDED = """
    insert into identity.device_owners (device_id, valid_from, valid_to, person_key)
    {runs}
    held as (
        select
            device_id,
            person_key,
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
            person_key,
            unnest(range_agg(held)) as held
        from held
        group by device_id, person_key
    )

    select
        device_id,
        lower(held),
        upper(held),
        person_key
    from merged
"""

# For comparison with Snowplow: the latest one has the device for all of history.
_ADD_LATEST = """
    insert into identity.device_owners (device_id, valid_from, valid_to, person_key)
    {runs}
    latest as (
        select distinct on (device_id)
            device_id,
            person_key
        from runs
        order by device_id asc, first_at desc, run_number desc
    )

    select
        device_id,
        '-infinity',
        'infinity',
        person_key
    from latest
"""

_ADD: dict[str, LiteralString] = {
    "time_bounded": _ADD_TIME_BOUNDED,
    "latest_backdated": _ADD_LATEST,
}

_STALE_DAYS = """
    with before as (
        select
            device_id,
            person_key,
            range_agg(tstzrange(valid_from, valid_to, '[)')) as held
        from owners_before
        group by device_id, person_key
    ),

    after as (
        select
            device_id,
            person_key,
            range_agg(tstzrange(valid_from, valid_to, '[)')) as held
        from identity.device_owners
        where device_id in (select device_id from stale_devices)
        group by device_id, person_key
    ),

    differences as (
        select
            device_id,
            (coalesce(before.held, '{}') - coalesce(after.held, '{}'))
            + (coalesce(after.held, '{}') - coalesce(before.held, '{}')) as held
        from before
        full join after using (device_id, person_key)
    ),

    stale as (
        select distinct days.occurred_on
        from differences
        inner join identity.anonymous_days as days using (device_id)
        where
            not isempty(differences.held)
            and differences.held && tstzrange(
                ops.day_start(days.occurred_on, %(timezone)s),
                ops.day_start(days.occurred_on + 1, %(timezone)s),
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

_STALE_PERSONS = """
    with after as (
        select owners.*
        from identity.device_owners as owners
        where owners.device_id in (select device_id from stale_devices)
    ),

    differing as (
        (table owners_before except table after)
        union
        (table after except table owners_before)
    )

    insert into ops.changed_units (build_id, model, unit_key)
    select distinct
        %(build_id)s::bigint,
        'identity.device_owners',
        persons.person_key
    from (select distinct device_id from differing) as devices
    cross join lateral (
        select 'device ' || devices.device_id as person_key
        union all
        select before.person_key
        from owners_before as before
        where before.device_id = devices.device_id
        union all
        select after.person_key from after where after.device_id = devices.device_id
    ) as persons
    on conflict do nothing
"""
