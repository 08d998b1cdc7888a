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

    select * from {{ ref('stg_events__events') }} as claimed
    where
        coalesce(claimed.user_id, claimed.device_id) is not null
        and not claimed.is_excluded
        and {{ changed_days(
            'claimed.occurred_on', ['raw.events', 'identity.device_owners']
        ) }}

),

-- An anonymous event belongs to the owner of its device at that instant, if it has one.
owned as (

    select
        events.*,
        coalesce(events.user_id, owners.user_id) as owner_id
    from events
    left join {{ source('identity', 'device_owners') }} as owners
        on
            events.user_id is null
            and owners.device_id = events.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to

),

counted as (

    select
        occurred_on as day,
        owner_id,
        case when owner_id is null then device_id end as device_id,
        count(*) as event_count,
        count(*) filter (where is_interactive) as interactive_event_count,
        count(*) filter (where event_class = 'view') as view_count,
        count(*) filter (where event_class = 'interaction') as interaction_count,
        count(*) filter (where event_class = 'conversion') as conversion_count,
        count(*) filter (where event_class = 'error') as error_count
    from owned
    group by occurred_on, owner_id, case when owner_id is null then device_id end

)

select
    day,
    {{ person_id('owner_id', 'device_id') }} as person_id,
    owner_id as user_id,
    device_id,
    owner_id is null as is_anonymous,
    interactive_event_count > 0 as is_active,
    event_count,
    interactive_event_count,
    view_count,
    interaction_count,
    conversion_count,
    error_count
from counted
