{{ config(
    unique_key=['occurred_on', 'source', 'event_id'],
    indexes=[
        {'columns': ['occurred_on', 'source', 'event_id'], 'unique': true},
    ],
) }}

with

events as (

    select {{ event_columns() | join(', ') }}
    from {{ ref('stg_events__events') }}
    where
        not is_excluded
        and coalesce(user_id, device_id) is not null
        and {{ changed_days('occurred_on', ['raw.events']) }}

),

happened as (

    select * from events
    union all
    select * from {{ ref('int_facts_dated') }}
    where
        user_id is not null
        and {{ changed_days('occurred_on', ['raw.events']) }}

),

masked as (

    select
        *,
        {{ funnel_masks() }} as masks
    from happened

)

select
    occurred_on,
    occurred_at,
    source,
    source_sequence,
    event_id,
    device_id,
    user_id,
    masks,
    {{ funnel_subjects() }} as subjects
from masked
where 0 <> any(masks)
