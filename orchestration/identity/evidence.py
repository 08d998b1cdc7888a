"""Evidence: which user was seen on which device, run by run, session by session.

Interface for the models: join anonymous events (user_id is null) to
`identity.device_owners` on device_id and valid_from <= occurred_at < valid_to; no row
means that the device is a person of its own. A build's `ops.changed` holds the days on
which owners changed under the model name `identity.device_owners`; they are among the
build's days, so a person-grained model may read raw on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

import psycopg
from psycopg import sql

from orchestration.identity.owners import replace_owners


@dataclass(frozen=True)
class Prepared:
    """What the prepare stage did: evidence rows written, devices and days changed."""

    evidence_count: int
    device_count: int
    stale_days: tuple[date, ...]


def prepare_identity(
    connection: psycopg.Connection,
    *,
    build_id: int,
    days: Sequence[date],
    timezone: str,
    is_full: bool = False,
) -> Prepared:
    """Replace the evidence inside the build's extents, and the owners it decides.

    Runs inside the caller's transaction. Writes the days on which a device's anonymous
    events change owner to `ops.changed`.

    Parameters
    ----------
    days : sequence of date
        The days of the claims and extents: literals, since only those prune.
    is_full : bool
        Whether to start from nothing, over all of raw.
    """
    day_filter = (
        sql.SQL("true")
        if is_full
        else sql.SQL("events.occurred_on in ({})").format(
            sql.SQL(", ").join([sql.Literal(day) for day in days])
            if days
            else sql.SQL("null::date")
        )
    )
    _replace_anonymous_days(
        connection, build_id=build_id, day_filter=day_filter, is_full=is_full
    )
    extents = _EVERYTHING if is_full else _EXTENTS
    _run(connection, extents, day_filter=day_filter, build_id=build_id)
    for statement in _FIND_SESSIONS:
        _run(connection, statement, day_filter=day_filter, build_id=build_id)
    connection.execute(_FRESH)
    connection.execute(_REMOVE)
    added = connection.execute(_ADD)
    stale_days = replace_owners(
        connection, build_id=build_id, timezone=timezone, is_full=is_full
    )
    devices = connection.execute("select count(*) from stale_devices").fetchone()
    for table in _TEMPORARY:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(table)))
    return Prepared(
        evidence_count=added.rowcount,
        device_count=devices[0] if devices else 0,
        stale_days=tuple(stale_days),
    )


def _replace_anonymous_days(
    connection: psycopg.Connection,
    *,
    build_id: int,
    day_filter: sql.Composable,
    is_full: bool,
) -> None:
    connection.execute(
        "delete from identity.anonymous_days"
        if is_full
        else """
        delete from identity.anonymous_days
        using ops.changed as changed
        where
            changed.build_id = %(build_id)s
            and changed.model = 'raw.events'
            and changed.day = anonymous_days.occurred_on
        """,
        {"build_id": build_id},
    )
    _run(connection, _ANONYMOUS_DAYS, day_filter=day_filter, build_id=build_id)


def _run(
    connection: psycopg.Connection,
    statement: LiteralString,
    *,
    day_filter: sql.Composable,
    build_id: int,
) -> None:
    connection.execute(
        sql.SQL(statement).format(
            day_filter=day_filter,
            build_id=sql.Literal(build_id),
            is_counted=_IS_COUNTED,
        )
    )


# The events that the models count: the same sessions follow from them.
_IS_COUNTED = sql.SQL("""
    'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
""")

_TEMPORARY = (
    "identity_extents",
    "identity_events",
    "identity_chains",
    "identity_sessions",
    "fresh_evidence",
    "stale_devices",
)

_ANONYMOUS_DAYS = """
    insert into identity.anonymous_days (occurred_on, device_id)
    select distinct events.occurred_on, events.device_id
    from raw.events as events
    where
        {day_filter}
        and {is_counted}
        and events.device_id is not null
        and events.user_id is null
    on conflict do nothing
"""

_EXTENTS = """
    create temporary table identity_extents on commit drop as
    select device_id, from_at, to_at
    from ops.build_extents
    where build_id = {build_id}
"""

_EVERYTHING = """
    create temporary table identity_extents on commit drop as
    select distinct
        device_id,
        '-infinity'::timestamptz as from_at,
        'infinity'::timestamptz as to_at
    from (
        select device_id from raw.events where user_id is not null
        union all
        select device_id from identity.evidence
    ) as devices
    where device_id is not null
"""

# Chains and the 24 h cap as in SEMANTICS 2.2, of devices that ever identified
# themselves inside their extents: nobody else has evidence.
_FIND_SESSIONS: tuple[LiteralString, ...] = (
    # Nobody else analyses a temporary table.
    "analyze identity_extents",
    """
    create temporary table identity_events on commit drop as
    with inside as (
        select
            events.device_id,
            events.occurred_at,
            events.user_id,
            events.is_interactive,
            events.source,
            events.source_sequence,
            events.event_id,
            bool_or(events.user_id is not null)
                over (partition by events.device_id) as is_identified
        from raw.events as events
        inner join identity_extents as extents
            on
                extents.device_id = events.device_id
                and events.occurred_at between extents.from_at and extents.to_at
        where {day_filter} and {is_counted}
    )

    select
        device_id,
        occurred_at,
        user_id,
        is_interactive,
        source,
        source_sequence,
        event_id
    from inside
    where is_identified
    """,
    "create index on identity_events (device_id, occurred_at) where is_interactive",
    "analyze identity_events",
    """
    create temporary table identity_chains on commit drop as
    with marked as (
        select
            device_id,
            occurred_at,
            coalesce(
                occurred_at - lag(occurred_at) over device > interval '30 minutes', true
            ) as is_first
        from identity_events
        where is_interactive
        window device as (partition by device_id order by occurred_at)
    ),

    numbered as (
        select
            device_id,
            occurred_at,
            count(*) filter (where is_first)
                over (partition by device_id order by occurred_at) as chain_number
        from marked
    )

    select
        device_id,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at
    from numbered
    group by device_id, chain_number
    """,
    """
    create temporary table identity_sessions on commit drop as
    with recursive sessions as (
        select
            device_id,
            started_at,
            ended_at as chain_ended_at
        from identity_chains
        union all
        select
            sessions.device_id,
            later.started_at,
            sessions.chain_ended_at
        from sessions
        cross join lateral (
            select min(events.occurred_at) as started_at
            from identity_events as events
            where
                events.is_interactive
                and events.device_id = sessions.device_id
                and events.occurred_at > sessions.started_at + interval '24 hours'
                and events.occurred_at <= sessions.chain_ended_at
        ) as later
        where
            sessions.chain_ended_at > sessions.started_at + interval '24 hours'
            and later.started_at is not null
    )

    select * from sessions
    """,
    "create index on identity_sessions (device_id, started_at)",
    "analyze identity_sessions",
)

_FRESH = """
    create temporary table fresh_evidence on commit drop as
    with identified as (
        select
            events.device_id,
            coalesce(sessions.started_at, events.occurred_at) as session_started_at,
            events.user_id,
            events.occurred_at,
            row_number() over (
                partition by events.device_id
                order by
                    events.occurred_at,
                    events.source collate "C",
                    events.source_sequence nulls last,
                    events.event_id collate "C"
            ) as position
        from identity_events as events
        left join lateral (
            select latest.started_at
            from identity_sessions as latest
            where
                latest.device_id = events.device_id
                and latest.started_at <= events.occurred_at
                and events.occurred_at
                <= latest.chain_ended_at + interval '30 minutes'
            order by latest.started_at desc
            limit 1
        ) as sessions on true
        where events.user_id is not null
    ),

    marked as (
        select
            *,
            (user_id, session_started_at) is distinct from (
                lag(user_id) over device,
                lag(session_started_at) over device
            ) as is_first
        from identified
        window device as (partition by device_id order by position)
    ),

    numbered as (
        select
            *,
            count(*) filter (where is_first)
                over (partition by device_id order by position) as run
        from marked
    ),

    runs as (
        select
            device_id,
            session_started_at,
            user_id,
            run,
            min(occurred_at) as first_at,
            max(occurred_at) as last_at
        from numbered
        group by device_id, session_started_at, user_id, run
    )

    select
        device_id,
        session_started_at,
        (row_number() over (
            partition by device_id, session_started_at order by run
        ))::integer as run_number,
        user_id,
        first_at,
        last_at
    from runs
"""

# Equal rows stay: only devices whose evidence really changed get new owners.
_REMOVE = """
    create temporary table stale_devices on commit drop as
    with removed as (
        delete from identity.evidence as known
        using identity_extents as extents
        where
            known.device_id = extents.device_id
            and known.first_at between extents.from_at and extents.to_at
            and not exists (
                select from fresh_evidence as fresh
                where fresh.device_id = known.device_id
                    and fresh.first_at = known.first_at
                    and row(fresh.*) = row(known.*)
            )
        returning known.device_id
    )

    select distinct device_id from removed
"""

_ADD = """
    with added as (
        insert into identity.evidence
        select fresh.*
        from fresh_evidence as fresh
        where not exists (
            select from identity.evidence as known
            where known.device_id = fresh.device_id
                and known.first_at = fresh.first_at
                and known = fresh
        )
        returning device_id
    )

    insert into stale_devices
    select distinct device_id from added
"""
