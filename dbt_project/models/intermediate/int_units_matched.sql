{%- set parents = ['int_events_valued', 'identity.device_owners'] -%}

{{ config(
    unique_key=['day', 'kind', 'id', 'part', 'unit_id'],
    indexes=[
        {'columns': ['day', 'kind', 'id', 'part', 'unit_id'], 'unique': true},
        {'columns': ['unit_id', 'kind', 'id', 'part', 'day']},
    ],
) }}

with

{{ done_by_units(parents) }},

collected as (

    select
        kind,
        id,
        part,
        unit_key,
        occurred_on as day,
        array_agg(occurred_at order by {{ event_order() }}) as moments,
        array_agg(breakdown order by {{ event_order() }}) as breakdowns,
        array_agg(amount order by {{ event_order() }}) as amounts,
        array_agg(currency order by {{ event_order() }}) as currencies
    from counted
    group by kind, id, part, unit_key, occurred_on

)

select
    kind,
    id,
    part,
    case
        when unit_key like 'named %' then {{ hashed_key(['unit_key']) }}
        else {{ person_id('unit_key') }}
    end as unit_id,
    {{ id_in_key('unit_key', 'user') }} as user_id,
    {{ id_in_key('unit_key', 'device') }} as device_id,
    day,
    moments,
    breakdowns,
    amounts,
    currencies
from collected
