{%- set metric_parents = [
    'raw.app', 'money_movements', 'days', 'int_events_counted', 'person_days', 'sessions'
] -%}

{{ config(
    unique_key=['day', 'metric_id', 'dimension', 'dimension_value'],
    indexes=[{'columns': ['day', 'metric_id', 'dimension', 'dimension_value'], 'unique': true}],
) }}

with

-- Days as instants and as days, so that no index of other days is read.
operations as (

    select
        day,
        metric_id,
        dimension,
        dimension_value,
        sum(amount)::numeric as numerator,
        null::numeric as denominator
    from {{ ref('operations_measured') }}
    where
        {{ within_changed_days('recorded_at', metric_parents) }}
        and {{ changed_days('day', metric_parents) }}
    group by day, metric_id, dimension, dimension_value

),

measured as (

    select * from {{ ref('persons_measured') }}
    union all
    select * from {{ ref('sessions_measured') }}
    union all
    select * from {{ ref('events_measured') }}
    union all
    select * from {{ ref('pages_measured') }}
    union all
    select * from operations

),

found as (

    select measured.*
    from measured
    inner join {{ ref('days') }} as listed on measured.day = listed.day
    where {{ changed_days('measured.day', metric_parents) }}

),

{{ missing_zeros('found', changed_days('listed.day', metric_parents)) }},

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
