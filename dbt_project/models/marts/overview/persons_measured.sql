{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

counted as (

    select
        day,
        count(*) as person_count,
        count(*) filter (where not is_anonymous) as identified_count
    from {{ ref('person_days') }}
    where is_active
    group by day

)

select
    counted.day,
    measured.metric_id,
    'all' as dimension,
    'all' as dimension_value,
    measured.numerator,
    null::numeric as denominator
from counted
cross join lateral (
    values
    ('active_users', counted.person_count),
    ('active_identified_users', counted.identified_count)
) as measured (metric_id, numerator)
