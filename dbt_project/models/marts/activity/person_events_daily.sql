{%- set person_parents = ['raw.events', 'identity.device_owners'] -%}
{%- set key = ['day', 'person_id', 'activity', 'event_class', 'occasion_id', 'currency'] -%}

{{ config(
    unique_key=key,
    indexes=[{'columns': key, 'unique': true}],
) }}

with

events as (

    {{ counted_events(
        [
            'occurred_on', 'occurred_at', 'device_id', 'user_id', 'is_interactive',
            'event_name', 'occasion_id', 'currency', 'value_minor', 'properties',
        ],
        changed_days('occurred_on', person_parents), 'not is_excluded') }}

),

owned as (

    {{ owned_rows('events', 'true') }}

),

named as (

    select
        *,
        {{ activity_name() }} as activity,
        case when counted_class = 'conversion' then currency end as value_currency
    from owned
    where {{ of_changed_persons('occurred_on', 'person_key', ['raw.events']) }}

),

counted as (

    select
        occurred_on as day,
        person_key,
        activity,
        counted_class as event_class,
        coalesce(occasion_id, '') as occasion_id,
        coalesce(value_currency, '') as currency,
        count(*) as event_count,
        coalesce(sum(value_minor) filter (where counted_class = 'conversion'), 0)::bigint
            as value_minor,
        min(occurred_at) filter (where is_interactive) as first_interactive_at,
        max(occurred_at) filter (where is_interactive) as last_interactive_at
    from named
    group by
        occurred_on,
        person_key,
        activity,
        counted_class,
        coalesce(occasion_id, ''),
        coalesce(value_currency, '')

)

select
    day,
    {{ person_id('person_key') }} as person_id,
    {{ id_in_key('person_key', 'user') }} as user_id,
    activity,
    event_class,
    occasion_id,
    currency,
    event_count,
    value_minor,
    first_interactive_at,
    last_interactive_at
from counted
