"""Sightings: identifiers of persons seen together on one event or one row of the app.

One row per pair, day and kind of evidence, replaced for the days that changed. Edges
are made of them, pair by pair. What a purge takes out of raw stays known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import LiteralString

import psycopg
from psycopg import sql

from orchestration.identity.device_evidence import (
    FROZEN_DAYS,
    HAS_PROPERTIES,
    IS_COUNTED,
    PROPERTIES,
    day_filter,
)
from orchestration.identity.resolution import PERSON_TYPES
from orchestration.identity.rules import Rules
from orchestration.transform.extents import day_literals

APP_EVIDENCE = "app.persons"
# In the order of the types that may name a person.
_PAIRS = tuple(combinations(PERSON_TYPES, 2))


@dataclass(frozen=True)
class DaysSeen:
    """Days whose events changed, and days of registration whose accounts did."""

    events: tuple[date, ...]
    accounts: tuple[date, ...]


def replace_edges(
    connection: psycopg.Connection,
    *,
    days: DaysSeen | None,
    rules: Rules,
    timezone: str,
) -> int:
    """Replace the sightings of the days and the edges they make; return how many.

    Leaves behind the temporary tables `stale_pairs`, whose sightings changed, and
    `stale_nodes`, whose edges came, went, or changed what decides.

    Parameters
    ----------
    days : DaysSeen or None
        The days whose rows of raw changed; None is all of them.
    """
    parts = {
        "day_filter": day_filter(days.events if days else None),
        "has_properties": HAS_PROPERTIES,
        "is_counted": IS_COUNTED,
        "app": sql.Literal(APP_EVIDENCE),
        "timezone": sql.Literal(timezone),
        "registered": _registered(days.accounts if days else None, timezone),
        "pairs": _pairs(),
        "replaced": _replaced(days, rules),
        "priority": rules.priority(sql.SQL("sightings.source")),
        "every_pair": sql.SQL("true" if days is None else "false"),
        "first_key": sql.SQL(_KEY).format(end=sql.SQL("first")),
        "second_key": sql.SQL(_KEY).format(end=sql.SQL("second")),
        **_usable(rules),
    }
    for statement in _STATEMENTS:
        connection.execute(sql.SQL(statement).format(**parts))
    row = connection.execute("select count(*) from stale_pairs").fetchone()
    return int(row[0]) if row else 0


def _usable(rules: Rules) -> dict[str, sql.Composable]:
    """Return the identifiers of an event and of an account, less blocked ones."""
    parts: dict[str, sql.Composable] = {
        "event_user": rules.usable("user", sql.SQL("events.user_id")),
        "app_user": rules.usable("user", sql.SQL("persons.user_id")),
    }
    for kind, name in PROPERTIES.items():
        field = sql.SQL("events.properties ->> {}").format(sql.Literal(name))
        parts[f"event_{kind}"] = rules.usable(kind, sql.SQL("({})").format(field))
        parts[f"app_{kind}"] = rules.usable(kind, sql.Identifier("persons", name))
    return parts


def _pairs() -> sql.Composed:
    rows = [
        sql.SQL("({}, seen.{}, {}, seen.{})").format(
            sql.Literal(first),
            sql.Identifier(first),
            sql.Literal(second),
            sql.Identifier(second),
        )
        for first, second in _PAIRS
    ]
    return sql.SQL(", ").join(rows)


def _registered(days: Sequence[date] | None, timezone: str) -> sql.Composable:
    """Return a condition over accounts: those whose day of registration changed."""
    if days is None:
        return sql.SQL("true")
    instants = [
        sql.SQL(
            "persons.registered_at >= ops.day_start({day}, {zone})"
            " and persons.registered_at < ops.day_start({day} + 1, {zone})"
        ).format(day=sql.Literal(day), zone=sql.Literal(timezone))
        for day in days
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(instants or [sql.SQL("false")]))


def _replaced(days: DaysSeen | None, rules: Rules) -> sql.Composable:
    """Return a condition over known sightings: those that are told anew."""
    told = sql.SQL("(known.source = {} or known.occurred_on not in ({}))").format(
        sql.Literal(APP_EVIDENCE), sql.SQL(FROZEN_DAYS)
    )
    if days is not None:
        return sql.SQL(
            "(known.source = {app} and known.occurred_on in ({accounts})"
            " or known.source <> {app} and known.occurred_on in ({events}) and {told})"
        ).format(
            app=sql.Literal(APP_EVIDENCE),
            accounts=day_literals(days.accounts),
            events=day_literals(days.events),
            told=told,
        )
    blocked = [
        sql.SQL("known.{}_type = {} and {}").format(
            sql.SQL(end),
            sql.Literal(kind),
            rules.is_blocked(kind, sql.Identifier("known", f"{end}_identifier")),
        )
        for end in ("first", "second")
        for kind in PERSON_TYPES
    ]
    return sql.SQL("({} or {})").format(told, sql.SQL(" or ").join(blocked))


_KEY = """
    left(encode(sha256(convert_to(
        jsonb_build_array({end}_type, {end}_identifier)::text, 'UTF8'
    )), 'hex'), 32)
"""

# A version of an account is seen from its beginning: at registration, and from then on
# when the row changed. A failed login may name anybody.
_STATEMENTS: tuple[LiteralString, ...] = (
    """
    create temporary table fresh_sightings on commit drop as
    with seen as (
        select
            events.occurred_on,
            events.event_name as source,
            events.occurred_at as first_at,
            events.occurred_at as last_at,
            {event_user} as "user",
            {event_external} as external,
            {event_email} as email,
            {event_phone} as phone
        from raw.events as events
        where
            {day_filter}
            and {is_counted}
            and {has_properties}
            and not (
                events.event_name = 'login_attempt'
                and events.properties ->> 'outcome' is not distinct from 'failure'
            )
        union all
        select
            (persons.registered_at at time zone {timezone})::date,
            {app},
            case
                when persons.is_first then persons.registered_at
                else persons.valid_from
            end,
            coalesce(persons.valid_to, persons.valid_from),
            {app_user},
            {app_external},
            {app_email},
            {app_phone}
        from (
            select
                persons.*,
                not exists (
                    select from raw.app_persons as earlier
                    where earlier.user_id = persons.user_id
                        and earlier.valid_from < persons.valid_from
                ) as is_first
            from raw.app_persons as persons
            where {registered} and not (persons.is_internal or persons.is_test)
        ) as persons
    ),

    pairs as (
        select
            seen.occurred_on,
            seen.source,
            pairs.*,
            min(seen.first_at) as first_at,
            max(seen.last_at) as last_at
        from seen
        cross join lateral (values {pairs}) as pairs (
            first_type, first_identifier, second_type, second_identifier
        )
        where
            pairs.first_identifier is not null
            and pairs.second_identifier is not null
        group by
            seen.occurred_on,
            seen.source,
            pairs.first_type,
            pairs.first_identifier,
            pairs.second_type,
            pairs.second_identifier
    )

    select
        occurred_on,
        source,
        first_type,
        first_identifier,
        second_type,
        second_identifier,
        {first_key} as first_key,
        {second_key} as second_key,
        first_at,
        last_at
    from pairs
    """,
    """
    create unique index on fresh_sightings (first_key, second_key, occurred_on, source)
    """,
    "analyze fresh_sightings",
    """
    create temporary table stale_pairs on commit drop as
    with removed as (
        delete from identity.sightings as known
        where
            {replaced}
            and not exists (
                select from fresh_sightings as fresh
                where fresh.first_key = known.first_key
                    and fresh.second_key = known.second_key
                    and fresh.occurred_on = known.occurred_on
                    and fresh.source = known.source
                    and row(fresh.*) = row(known.*)
            )
        returning known.first_key, known.second_key
    )

    select distinct first_key, second_key from removed
    """,
    """
    with added as (
        insert into identity.sightings
        select fresh.* from fresh_sightings as fresh
        -- No look-up: over a table analysed while empty it reads what was just added.
        on conflict do nothing
        returning first_key, second_key
    )

    insert into stale_pairs
    select first_key, second_key from added
    union
    select first_key, second_key from identity.edges where {every_pair}
    union
    select first_key, second_key from identity.sightings where {every_pair}
    """,
    "analyze stale_pairs",
    """
    create temporary table fresh_edges on commit drop as
    select
        sightings.first_key,
        sightings.second_key,
        min(sightings.first_type) as first_type,
        min(sightings.first_identifier) as first_identifier,
        min(sightings.second_type) as second_type,
        min(sightings.second_identifier) as second_identifier,
        min({priority}) as priority,
        array_agg(distinct sightings.source order by sightings.source) as sources,
        min(sightings.first_at) as first_seen_at,
        max(sightings.last_at) as last_seen_at
    from identity.sightings as sightings
    inner join (select distinct * from stale_pairs) as pairs
        using (first_key, second_key)
    group by sightings.first_key, sightings.second_key
    """,
    "create unique index on fresh_edges (first_key, second_key)",
    "analyze fresh_edges",
    """
    create temporary table stale_nodes on commit drop as
    with removed as (
        delete from identity.edges as known
        using (select distinct * from stale_pairs) as stale
        where
            known.first_key = stale.first_key
            and known.second_key = stale.second_key
            and not exists (
                select from fresh_edges as fresh
                where fresh.first_key = known.first_key
                    and fresh.second_key = known.second_key
            )
        returning known.first_key, known.second_key
    ),

    changed as (
        select fresh.first_key, fresh.second_key
        from fresh_edges as fresh
        left join identity.edges as known using (first_key, second_key)
        where (known.priority, known.first_seen_at)
            is distinct from (fresh.priority, fresh.first_seen_at)
    ),

    stale as (
        select * from removed
        union all
        select * from changed
    )

    select first_key as key from stale
    union
    select second_key from stale
    """,
    """
    insert into identity.edges as known (
        first_key, second_key, first_type, first_identifier, second_type,
        second_identifier, priority, sources, first_seen_at, last_seen_at
    )
    select * from fresh_edges
    on conflict (first_key, second_key) do update
    set
        priority = excluded.priority,
        sources = excluded.sources,
        first_seen_at = excluded.first_seen_at,
        last_seen_at = excluded.last_seen_at
    where
        (known.priority, known.sources, known.first_seen_at, known.last_seen_at)
        is distinct from (
            excluded.priority, excluded.sources, excluded.first_seen_at,
            excluded.last_seen_at
        )
    """,
)
