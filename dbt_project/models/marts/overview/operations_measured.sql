{{ config(materialized='ephemeral', contract={'enforced': false}) }}

-- Read once, or all records would be kept before any day is chosen.
select
    operations.recorded_at,
    operations.day,
    measured.metric_id,
    measured.dimension,
    measured.dimension_value,
    measured.amount
from {{ ref('operations_dated') }} as operations
cross join
    lateral (
        values
        (
            operations.exclusion is null,
            operations.metric_id,
            case when operations.currency = 'all' then 'all' else 'currency' end,
            operations.currency,
            operations.amount
        ),
        -- Net revenue repeats what payments and refunds are.
        (
            operations.exclusion is not null and operations.metric_id <> 'net_revenue',
            'excluded_operations',
            'all',
            'all',
            1
        ),
        (
            operations.exclusion is not null and operations.metric_id <> 'net_revenue',
            'excluded_operations',
            'exclusion',
            operations.exclusion,
            1
        )
    ) as measured (is_counted, metric_id, dimension, dimension_value, amount)
where measured.is_counted
