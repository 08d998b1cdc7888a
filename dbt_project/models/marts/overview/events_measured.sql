{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

counted as (

    select
        day,
        sum(event_count) filter (where exclusion = 'counted') as event_count,
        sum(event_count) filter (
            where exclusion = 'counted' and event_class = 'view'
        ) as view_count,
        sum(event_count) filter (
            where exclusion = 'counted' and event_class = 'error'
        ) as error_count,
        sum(event_count) filter (
            where exclusion = 'counted' and event_name = 'booking_attempt'
        ) as attempt_count,
        sum(event_count) filter (
            where exclusion = 'counted' and event_name = 'chat_started'
        ) as chat_count,
        sum(event_count) filter (
            where exclusion = 'counted' and event_class = 'double_view'
        ) as double_view_count,
        sum(event_count) filter (where exclusion = 'bot') as bot_count,
        sum(event_count) filter (where exclusion = 'internal') as internal_count,
        sum(event_count) filter (where exclusion = 'test') as test_count,
        sum(event_count) filter (where exclusion <> 'counted') as excluded_count
    from {{ ref('int_events_counted') }}
    group by day

)

select
    counted.day,
    measured.metric_id,
    measured.dimension,
    measured.dimension_value,
    coalesce(measured.numerator, 0) as numerator,
    measured.denominator
from counted
cross join lateral (
    values
    ('events', 'all', 'all', counted.event_count, null),
    ('page_views', 'all', 'all', counted.view_count, null),
    ('errors', 'all', 'all', counted.error_count, null),
    ('booking_attempts', 'all', 'all', counted.attempt_count, null),
    ('chat_sessions', 'all', 'all', counted.chat_count, null),
    ('double_views', 'all', 'all', counted.double_view_count, null),
    ('excluded_events', 'all', 'all', counted.excluded_count, null),
    ('excluded_events', 'exclusion', 'bot', counted.bot_count, null),
    ('excluded_events', 'exclusion', 'internal', counted.internal_count, null),
    ('excluded_events', 'exclusion', 'test', counted.test_count, null),
    (
        'errors_per_1000_views',
        'all',
        'all',
        1000 * counted.error_count,
        coalesce(counted.view_count, 0)
    )
) as measured (metric_id, dimension, dimension_value, numerator, denominator)
