"""Sessions of devices on which somebody was identified, as statements to be filled in.

They read the temporary table `identity_extents` and leave `identity_events` and
`identity_sessions` behind.
"""

from typing import LiteralString

# Chains and the 24 h cap as in SEMANTICS 2.2, of devices that ever identified
# themselves inside their extents: nobody else has evidence.
FIND_SESSIONS: tuple[LiteralString, ...] = (
    # Nobody else analyses a temporary table.
    "analyze identity_extents",
    """
    create temporary table identity_events on commit drop as
    with inside as (
        select
            events.device_id,
            events.occurred_at,
            events.is_interactive,
            events.source,
            events.source_sequence,
            events.event_id,
            events.event_name,
            coalesce(
                'user ' || {user},
                case
                    when {has_properties}
                        then coalesce(
                            'external ' || {external},
                            'email ' || {email},
                            'phone ' || {phone}
                        )
                end
            ) as identity
        from raw.events as events
        inner join identity_extents as extents
            on
                extents.device_id = events.device_id
                and events.occurred_at between extents.from_at and extents.to_at
        where {day_filter} and {is_counted}
    ),

    marked as (
        select
            *,
            bool_or(identity is not null)
                over (partition by device_id) as is_identified
        from inside
    )

    select * from marked
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
