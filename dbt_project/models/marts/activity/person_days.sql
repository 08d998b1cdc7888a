{%- set person_parents = ['raw.events', 'identity.device_owners'] -%}
{{ config(
    unique_key=['day', 'person_id'],
    indexes=[
        {'columns': ['day', 'person_id'], 'unique': true},
        {'columns': ['person_id', 'day']},
    ],
) }}

with

events as (

    {{ counted_events(
        ['occurred_on', 'occurred_at', 'device_id', 'user_id', 'is_interactive'],
        changed_days('occurred_on', person_parents), 'not is_excluded') }}

),

actions as (

    select
        occurred_on as day,
        occurred_at,
        person_key,
        is_interactive,
        counted_class
    from ({{ owned_rows('events', 'true') }}) as owned

    union all

    {{ counted_actions(changed_days('acted.day', person_parents)) }}

),

counted as (

    select
        day,
        person_key,
        bool_or(is_interactive) as is_active,
        min(occurred_at) filter (where is_interactive) as first_active_at,
        max(occurred_at) filter (where is_interactive) as last_active_at,
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
    group by day, person_key

)

select
    day,
    {{ person_id('person_key') }} as person_id,
    {{ id_in_key('person_key', 'user') }} as user_id,
    {{ id_in_key('person_key', 'device') }} as device_id,
    person_key not like 'user %' as is_anonymous,
    is_active,
    first_active_at,
    last_active_at,
    event_count,
    interactive_event_count,
    view_count,
    interaction_count,
    conversion_count,
    error_count,
    operation_count
from counted
