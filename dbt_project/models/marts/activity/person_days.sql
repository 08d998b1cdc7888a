{%- set person_parents = ['raw.events', 'identity.device_owners'] -%}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    unique_key=['day', 'person_id'],
    post_hook='{{ record_rebuilt() }}',
    indexes=[
        {'columns': ['day', 'person_id'], 'unique': true},
        {'columns': ['person_id']},
    ],
) }}

with

events as (

    select
        *,
        {{ counted_class() }} as counted_class
    from {{ ref('stg_events__events') }} as claimed
    where
        not claimed.is_excluded
        and {{ changed_days('claimed.occurred_on', person_parents) }}

),

-- An anonymous event belongs to the owner of its device at that instant, if it has one.
owned as (

    select
        events.occurred_on as day,
        events.device_id,
        events.is_interactive,
        events.counted_class,
        coalesce(events.user_id, owners.user_id) as owner_id
    from events
    left join {{ source('identity', 'device_owners') }} as owners
        on
            events.user_id is null
            and owners.device_id = events.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to
    where coalesce(events.user_id, events.device_id) is not null

),

actions as (

    select * from owned

    union all

    select
        day,
        null as device_id,
        true as is_interactive,
        'operation' as counted_class,
        user_id as owner_id
    from ({{ own_actions() }}) as acted
    where {{ changed_days('acted.day', person_parents) }}

),

counted as (

    select
        day,
        owner_id,
        case when owner_id is null then device_id end as device_id,
        bool_or(is_interactive) as is_active,
        count(*) filter (where counted_class <> 'operation') as event_count,
        count(*) filter (
            where is_interactive and counted_class not in ('operation', 'double_view')
        ) as interactive_event_count,
        count(*) filter (where counted_class = 'view') as view_count,
        count(*) filter (where counted_class = 'interaction') as interaction_count,
        count(*) filter (where counted_class = 'conversion') as conversion_count,
        count(*) filter (where counted_class = 'error') as error_count,
        count(*) filter (where counted_class = 'operation') as operation_count
    from actions
    group by day, owner_id, case when owner_id is null then device_id end

)

select
    day,
    {{ person_id('owner_id', 'device_id') }} as person_id,
    owner_id as user_id,
    device_id,
    owner_id is null as is_anonymous,
    is_active,
    event_count,
    interactive_event_count,
    view_count,
    interaction_count,
    conversion_count,
    error_count,
    operation_count
from counted
