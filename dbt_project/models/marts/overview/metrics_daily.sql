{%- set metric_parents = [
    'raw.events', 'days', 'int_events_counted', 'person_days', 'sessions'
] -%}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    unique_key=['day', 'metric_id', 'dimension', 'dimension_value'],
    post_hook='{{ record_rebuilt() }}',
    indexes=[
        {'columns': ['day', 'metric_id', 'dimension', 'dimension_value'], 'unique': true},
        {'columns': ['metric_id', 'day']},
    ],
) }}

with

measured as (

    select * from {{ ref('int_persons_measured') }}
    union all
    select * from {{ ref('int_sessions_measured') }}
    union all
    select * from {{ ref('int_events_measured') }}
    union all
    select * from {{ ref('int_pages_measured') }}
    union all
    select * from {{ ref('int_operations_measured') }}

),

found as (

    select * from measured
    where {{ changed_days('measured.day', metric_parents) }}

),

-- A day without a number for a whole metric has an explicit zero.
missing as (

    select
        listed.day,
        metrics.metric_id,
        'all' as dimension,
        'all' as dimension_value,
        0 as numerator,
        case when metrics.is_ratio then 0 end as denominator
    from {{ ref('days') }} as listed
    cross join (values {{ whole_metrics() }}) as metrics (metric_id, is_ratio)
    where
        {{ changed_days('listed.day', metric_parents) }}
        and not exists (
            select from found
            where
                found.day = listed.day
                and found.metric_id = metrics.metric_id
                and found.dimension = 'all'
        )

),

filled as (

    select * from found
    union all
    select * from missing

)

select
    day,
    metric_id,
    dimension,
    dimension_value,
    numerator::numeric(38, 6) as numerator,
    denominator::numeric(38, 6) as denominator,
    case
        when denominator is null then numerator
        else {{ safe_divide('numerator', 'denominator') }}
    end::numeric(38, 12) as value
from filled
