"""Evidence of devices: who was identified on which, run by run, session by session.

An event identifies a person by its user id, else by the external id, the address or the
number among its properties; values that identify nobody do not count.
"""

from collections.abc import Sequence
from datetime import date
from typing import LiteralString

import psycopg
from psycopg import sql

from orchestration.identity.device_sessions import FIND_SESSIONS
from orchestration.identity.rules import Rules


def replace_device_evidence(
    connection: psycopg.Connection,
    *,
    build_id: int,
    days: Sequence[date] | None,
    rules: Rules,
    timezone: str,
) -> int:
    """Replace the evidence inside the build's extents; return how many rows came.

    Leaves behind the temporary table `stale_devices`: those whose evidence changed.

    Parameters
    ----------
    days : sequence of date or None
        The days of the claims and extents: literals, since only those prune. None
        starts from nothing, over all of raw; what was purged of it stays known.
    """
    scope = _Scope(build_id, days, rules, timezone)
    _replace_anonymous_days(connection, scope)
    scope.run(connection, _EVERYTHING if scope.is_full else _EXTENTS)
    for statement in FIND_SESSIONS:
        scope.run(connection, statement)
    connection.execute(_FRESH)
    # Unanalysed, a few rows have all that is known of devices read and hashed.
    connection.execute("analyze fresh_evidence")
    connection.execute(_REMOVE)
    added = connection.execute(_ADD)
    for table in _TEMPORARY:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(table)))
    return added.rowcount


class _Scope:
    """What of raw.events a build reads."""

    def __init__(
        self, build_id: int, days: Sequence[date] | None, rules: Rules, timezone: str
    ) -> None:
        self.build_id = build_id
        self.is_full = days is None
        self._parts = {
            "build_id": sql.Literal(build_id),
            "day_filter": day_filter(days),
            "frozen": sql.SQL(FROZEN_DAYS),
            "is_full": sql.Literal(self.is_full),
            "is_counted": IS_COUNTED,
            "has_properties": HAS_PROPERTIES,
            "timezone": sql.Literal(timezone),
            "user": rules.usable("user", sql.SQL("events.user_id")),
            **{
                kind: rules.usable(
                    kind,
                    sql.SQL("(events.properties ->> {})").format(sql.Literal(name)),
                )
                for kind, name in PROPERTIES.items()
            },
        }

    def run(self, connection: psycopg.Connection, statement: LiteralString) -> None:
        connection.execute(sql.SQL(statement).format(**self._parts))


def day_filter(days: Sequence[date] | None) -> sql.Composable:
    """Return a condition over events that holds on the days; None is all of them."""
    if days is None:
        return sql.SQL("true")
    literals = [sql.Literal(day) for day in days] or [sql.SQL("null::date")]
    return sql.SQL("events.occurred_on in ({})").format(sql.SQL(", ").join(literals))


def _replace_anonymous_days(connection: psycopg.Connection, scope: _Scope) -> None:
    scope.run(connection, _NO_ANONYMOUS_DAYS)
    scope.run(connection, _ANONYMOUS_DAYS)


# The events that the models count: the same sessions follow from them.
IS_COUNTED = sql.SQL("""
    'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
""")

# Where events carry identifiers of persons beside the user id.
PROPERTIES = {
    "external": "external_id",
    "email": "email_hash",
    "phone": "phone_hash",
}
HAS_PROPERTIES = sql.SQL("events.properties ?| {}::text[]").format(
    sql.Literal(list(PROPERTIES.values()))
)

_TEMPORARY = (
    "identity_extents",
    "identity_events",
    "identity_chains",
    "identity_sessions",
    "fresh_evidence",
)

# Days before the retention floor: raw has lost them, and what it said of them stays.
FROZEN_DAYS = """
    select occurred_on from ops.touched_days
    where settled_by = 0
"""

_ANONYMOUS_DAYS = """
    insert into identity.anonymous_days (occurred_on, device_id)
    select distinct events.occurred_on, events.device_id
    from raw.events as events
    where
        {day_filter}
        and {is_counted}
        and events.device_id is not null
        and {user} is null
    on conflict do nothing
"""

_NO_ANONYMOUS_DAYS = """
    delete from identity.anonymous_days
    where
        occurred_on not in ({frozen})
        and (
            {is_full}
            or occurred_on in (
                select day from ops.changed
                where build_id = {build_id} and model in ('raw.events', '*')
            )
        )
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
        devices.device_id,
        coalesce(
            ops.day_start(frozen.last_on + 1, {timezone}), '-infinity'
        ) as from_at,
        'infinity'::timestamptz as to_at
    from (
        select events.device_id from raw.events as events
        where events.user_id is not null or {has_properties}
        union all
        select device_id from identity.evidence
    ) as devices
    cross join (
        select max(occurred_on) as last_on from ops.touched_days
        where settled_by = 0
    ) as frozen
    where devices.device_id is not null
"""

_FRESH = """
    create temporary table fresh_evidence on commit drop as
    with identified as (
        select
            events.device_id,
            coalesce(sessions.started_at, events.occurred_at) as session_started_at,
            events.identity,
            events.event_name,
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
        where events.identity is not null
    ),

    marked as (
        select
            *,
            (identity, session_started_at) is distinct from (
                lag(identity) over device,
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
            identity,
            run,
            array_agg(distinct event_name order by event_name) as sources,
            min(occurred_at) as first_at,
            max(occurred_at) as last_at
        from numbered
        group by device_id, session_started_at, identity, run
    )

    select
        device_id,
        session_started_at,
        (row_number() over (
            partition by device_id, session_started_at order by run
        ))::integer as run_number,
        split_part(identity, ' ', 1) as identifier_type,
        substr(identity, strpos(identity, ' ') + 1) as identifier,
        sources,
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
    -- Read once: over a table analysed while empty it reads what was just added.
    with told as materialized (
        select known.* from identity.evidence as known
        where known.device_id in (select device_id from fresh_evidence)
    ),

    added as (
        insert into identity.evidence
        select fresh.*
        from fresh_evidence as fresh
        where not exists (
            select from told as known
            where known.device_id = fresh.device_id
                and known.first_at = fresh.first_at
                and known = fresh
        )
        returning device_id
    )

    insert into stale_devices
    select distinct device_id from added
"""
