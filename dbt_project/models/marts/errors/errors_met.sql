{%- set parents = ['raw.events', 'identity.device_owners', 'int_events_sessionized'] -%}

{{ config(
    unique_key=['day', 'fingerprint', 'release', 'person_id'],
    indexes=[
        {'columns': ['day', 'fingerprint', 'release', 'person_id'], 'unique': true},
    ],
) }}

with

events as (

    select
        *,
        properties ->> 'error_type' as error_type,
        {{ without_ids("left(properties ->> 'message', 500)") }} as message,
        {{ without_ids(top_frames("properties ->> 'stack'")) }} as frames,
        left(coalesce(properties ->> 'release', app_version, ''), 200) as release
    from {{ ref('stg_events__events') }}
    where
        event_class = 'error'
        and not is_excluded
        and {{ changed_days('occurred_on', parents) }}

),

owned as (

    {{ owned_rows('events', 'true') }}

),

grouped as (

    select
        *,
        {{ hashed_key(["coalesce(error_type, '')", "coalesce(frames, message, '')"]) }}
            as fingerprint
    from owned

),

-- A session counts for who met the error in it first, so that sessions add up.
placed as (

    select
        grouped.*,
        sessions.started_at is not null and row_number() over (
            partition by
                grouped.occurred_on,
                grouped.fingerprint,
                grouped.release,
                sessions.device_id,
                sessions.started_at
            order by {{ event_order() }}
        ) = 1 as is_first_of_session
    from grouped
    left join {{ ref('int_events_sessionized') }} as sessions
        on
            grouped.device_id = sessions.device_id
            and grouped.occurred_at between sessions.started_at and sessions.ended_at
            and not sessions.is_excluded

)

select
    occurred_on as day,
    fingerprint,
    release,
    {{ person_id('person_key') }} as person_id,
    min(error_type collate "C") as error_type,
    min(message collate "C") as message,
    min(frames collate "C") as frames,
    count(*) as error_count,
    count(*) filter (where is_first_of_session) as session_count,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from placed
group by occurred_on, fingerprint, release, person_key
