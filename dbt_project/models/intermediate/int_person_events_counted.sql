{{ config(
    unique_key=['day', 'person_key'],
    indexes=[{'columns': ['day', 'person_key'], 'unique': true}],
) }}

with

events as (

    {{ counted_events(
        ['occurred_on', 'occurred_at', 'device_id', 'user_id', 'is_interactive'],
        changed_days('occurred_on', ['raw.events', 'identity.device_owners']),
        'not is_excluded') }}

),

owned as (

    {{ owned_rows('events', 'true') }}

)

select
    occurred_on as day,
    person_key,
    bool_or(is_interactive) as is_active,
    min(occurred_at) filter (where is_interactive) as first_active_at,
    max(occurred_at) filter (where is_interactive) as last_active_at,
    count(*) as event_count,
    count(*) filter (
        where is_interactive and counted_class <> 'double_view'
    ) as interactive_event_count,
    count(*) filter (where counted_class = 'view') as view_count,
    count(*) filter (where counted_class = 'interaction') as interaction_count,
    count(*) filter (where counted_class = 'conversion') as conversion_count,
    count(*) filter (where counted_class = 'error') as error_count
from owned
where {{ of_changed_persons('occurred_on', 'person_key', ['raw.events']) }}
group by occurred_on, person_key
