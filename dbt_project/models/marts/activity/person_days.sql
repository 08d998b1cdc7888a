{%- set person_parents = [
    'int_person_events_counted', 'identity.device_owners', 'raw.app',
] -%}

{{ config(
    unique_key=['day', 'person_id'],
    indexes=[
        {'columns': ['day', 'person_id'], 'unique': true},
        {'columns': ['person_id', 'day']},
    ],
) }}

with

actions as (

    select
        *,
        0 as operation_count
    from {{ ref('int_person_events_counted') }}
    where {{ changed_days('day', person_parents) }}

    union all

    select
        acted.day,
        acted.person_key,
        acted.is_interactive as is_active,
        acted.occurred_at as first_active_at,
        acted.occurred_at as last_active_at,
        0 as event_count,
        0 as interactive_event_count,
        0 as view_count,
        0 as interaction_count,
        0 as conversion_count,
        0 as error_count,
        1 as operation_count
    from ({{ counted_actions(within_changed_days('acted.occurred_at', person_parents)) }}) as acted

),

counted as (

    select
        day,
        person_key,
        bool_or(is_active) as is_active,
        min(first_active_at) as first_active_at,
        max(last_active_at) as last_active_at,
        sum(event_count)::bigint as event_count,
        sum(interactive_event_count)::bigint as interactive_event_count,
        sum(view_count)::bigint as view_count,
        sum(interaction_count)::bigint as interaction_count,
        sum(conversion_count)::bigint as conversion_count,
        sum(error_count)::bigint as error_count,
        sum(operation_count)::bigint as operation_count
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
