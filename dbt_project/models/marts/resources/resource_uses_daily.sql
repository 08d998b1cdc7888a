{%- set person_parents = ['raw.events', 'identity.device_owners'] -%}

{{ config(
    unique_key=['day', 'resource_id', 'person_id'],
    indexes=[{'columns': ['day', 'resource_id', 'person_id'], 'unique': true}],
) }}

with

events as (

    select
        occurred_on,
        occurred_at,
        device_id,
        user_id,
        properties ->> 'resource_id' as resource_id,
        properties ->> 'use' as use
    from {{ ref('stg_events__events') }}
    where
        event_name = 'resource_used'
        and not is_excluded
        and {{ changed_days('occurred_on', person_parents) }}

),

owned as (

    {{ owned_rows('events', 'true') }}

)

select
    occurred_on as day,
    resource_id,
    {{ person_id('person_key') }} as person_id,
    {{ id_in_key('person_key', 'user') }} as user_id,
    count(*) filter (where use = 'view') as view_count,
    count(*) filter (where use = 'download') as download_count,
    count(*) filter (where use = 'complete') as completion_count
from owned
group by occurred_on, resource_id, person_key
