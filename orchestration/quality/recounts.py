"""Recounts: queries that find days on which models and raw disagree.

Each goes another way than the models took, and reads the given days only.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from orchestration.transform.extents import day_literals


def find_wrong_days(
    connection: psycopg.Connection, query: LiteralString, *, days: Sequence[date]
) -> list[date]:
    """Return the wrong ones among some days, by one of the queries below."""
    # A session ends on the day after its start at the latest.
    late = {*days, *(day + timedelta(days=1) for day in days)}
    rows = connection.execute(
        sql.SQL(query).format(
            days=day_literals(days), days_and_next=day_literals(sorted(late))
        )
    )
    return [day for (day,) in rows]


# Straight from raw, by count and without the models in between.
RECOUNT = """
    with recounted as (
        select
            occurred_on as day,
            count(*) filter (
                where
                not (is_bot or is_internal or is_test)
                and (user_id is null or user_id not in (
                    select accounts.user_id from identity.excluded_accounts as accounts
                ))
            ) as event_count
        from raw.events
        where occurred_on in ({days}) and 'analytics' = any(purposes)
        group by occurred_on
    ),

    modelled as (
        select
            day,
            numerator as event_count
        from marts.metrics_daily
        where
            metric_id = 'events'
            and dimension = 'all'
            and day in ({days})
    )

    select day
    from recounted full join modelled using (day)
    where coalesce(recounted.event_count, 0) <> coalesce(modelled.event_count, 0)
    order by day
"""

OUTSIDE = """
    select distinct event.occurred_on
    from raw.events as event
    where
        event.occurred_on in ({days})
        and event.is_interactive
        and event.device_id is not null
        and 'analytics' = any(event.purposes)
        and not (event.is_bot or event.is_internal or event.is_test)
        and not exists (
            select from identity.excluded_accounts as accounts
            where accounts.user_id = event.user_id
        )
        and not exists (
            select from marts.sessions as session
            where
                session.device_id = event.device_id
                and event.occurred_at between session.started_at and session.ended_at
        )
    order by event.occurred_on
"""

# What was counted by its session on the way is counted again by instants.
MISCOUNTED = """
    with built as (
        select
            device_id,
            started_on,
            started_at,
            ended_at,
            view_count
        from marts.sessions
        where started_on in ({days})
    ),

    viewed as (
        select
            event.device_id,
            event.occurred_at
        from raw.events as event
        where
            event.occurred_on in ({days_and_next})
            and event.event_name = 'page_view'
            and 'analytics' = any(event.purposes)
            and not (event.is_bot or event.is_internal or event.is_test)
            and not exists (
                select from identity.excluded_accounts as accounts
                where accounts.user_id = event.user_id
            )
            and not exists (
                select from intermediate.int_events_reclassed as exceptions
                where
                    exceptions.occurred_on = event.occurred_on
                    and exceptions.source = event.source
                    and exceptions.event_id = event.event_id
            )
    ),

    counted as (
        select
            built.device_id,
            built.started_at,
            count(*) as view_count
        from built
        inner join viewed
            on
                built.device_id = viewed.device_id
                and viewed.occurred_at between built.started_at and built.ended_at
        group by built.device_id, built.started_at
    )

    select distinct built.started_on
    from built
    left join counted using (device_id, started_at)
    where built.view_count <> coalesce(counted.view_count, 0)
    order by built.started_on
"""
