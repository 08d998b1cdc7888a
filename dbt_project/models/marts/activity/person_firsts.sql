{%- set parents = ['person_days', 'int_units_matched'] -%}

{{ config(
    pre_hook="{{ weigh_changed_units() }}",
    unique_key=['kind', 'id', 'part', 'unit_id'],
    indexes=[
        {'columns': ['kind', 'id', 'part', 'unit_id'], 'unique': true},
        {'columns': ['unit_id']},
        {'columns': ['first_on']},
    ],
) }}

with

active as (

    select distinct on (active_days.person_id)
        active_days.person_id as unit_id,
        active_days.user_id,
        active_days.device_id,
        active_days.day as first_on,
        active_days.first_active_at as first_at
    from {{ changed_units_of(ref('person_days'), 'person_id', parents) }} as active_days
    where active_days.is_active
    order by active_days.person_id, active_days.day

),

matched as (

    select distinct on (done.unit_id, done.kind, done.id, done.part)
        done.kind,
        done.id,
        done.part,
        done.unit_id,
        done.user_id,
        done.device_id,
        done.day as first_on,
        done.moments[1] as first_at,
        done.breakdowns[1] as breakdown
    from {{ changed_units_of(ref('int_units_matched'), 'unit_id', parents) }} as done
    order by done.unit_id, done.kind, done.id, done.part, done.day

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
