{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

measured as (

    select
        recorded_at,
        day,
        metric_id,
        case when currency = 'all' then 'all' else 'currency' end as dimension,
        currency as dimension_value,
        amount
    from {{ ref('int_operations_dated') }}
    where exclusion is null

    union all

    -- Net revenue repeats what payments and refunds are.
    select
        operations.recorded_at,
        operations.day,
        'excluded_operations' as metric_id,
        parts.dimension,
        parts.dimension_value,
        1 as amount
    from {{ ref('int_operations_dated') }} as operations
    cross join
        lateral (
            values ('all', 'all'), ('exclusion', operations.exclusion)
        ) as parts (dimension, dimension_value)
    where operations.exclusion is not null and operations.metric_id <> 'net_revenue'

)

select * from measured
