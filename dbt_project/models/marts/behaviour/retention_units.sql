{%- set parents = ['person_firsts', 'person_days', 'int_units_matched'] -%}

{{ config(
    pre_hook="{{ weigh_changed_units() }}",
    unique_key=['retention_id', 'unit_id', 'cohort_starts_at'],
    indexes=[
        {'columns': ['retention_id', 'unit_id', 'cohort_starts_at'], 'unique': true},
        {'columns': ['cohort_on']},
        {'columns': ['unit_id']},
    ],
) }}

with

days as (

    {{ unit_days(
        persons=changed_units_of(ref('person_days'), 'person_id', parents),
        matched=changed_units_of(ref('int_units_matched'), 'unit_id', parents)
    ) }}

),

{{ retention_starts('days', parents) }},

{{ retention_returns('days') }}

select
    starts.retention_id,
    starts.unit_id,
    starts.cohort_on,
    starts.cohort_starts_at,
    starts.started_at,
    starts.breakdown,
    case
        when not starts.is_zero_full then coalesce(collected.periods, '{}')
        when 0 = any(collected.periods) then collected.periods
        else array[0] || coalesce(collected.periods, '{}')
    end as returned_periods,
    collected.last_period,
    coalesce(collected.amounts, '[]') as amounts
from starts
left join collected
    on
        starts.retention_id = collected.retention_id
        and starts.unit_id = collected.unit_id
        and starts.cohort_starts_at = collected.cohort_starts_at
