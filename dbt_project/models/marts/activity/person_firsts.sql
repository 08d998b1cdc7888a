{%- set parents = ['person_days', 'int_units_matched'] -%}

{{ config(
    unique_key=['kind', 'id', 'part', 'unit_id'],
    indexes=[
        {'columns': ['kind', 'id', 'part', 'unit_id'], 'unique': true},
        {'columns': ['unit_id']},
        {'columns': ['first_on']},
    ],
) }}

with

active as (

    select distinct on (person_id)
        person_id as unit_id,
        user_id,
        device_id,
        day as first_on,
        first_active_at as first_at
    from {{ ref('person_days') }}
    where is_active and {{ is_changed_unit('person_id', parents) }}
    order by person_id, day

),

matched as (

    select distinct on (unit_id, kind, id, part)
        kind,
        id,
        part,
        unit_id,
        user_id,
        device_id,
        day as first_on,
        moments[1] as first_at,
        breakdowns[1] as breakdown
    from {{ ref('int_units_matched') }}
    where {{ is_changed_unit('unit_id', parents) }}
    order by unit_id, kind, id, part, day

),

-- What raw held before the retention floor: a purge makes no old customer a new one.
kept as (

    {{ kept_firsts(parents) }}

),

found as (

    select
        'activity' as kind,
        'any' as id,
        0 as part,
        active.*,
        null::text as breakdown
    from active
    union all
    select * from matched
    union all
    select * from kept

)

select distinct on (kind, id, part, unit_id) *
from found
order by kind, id, part, unit_id, first_at
