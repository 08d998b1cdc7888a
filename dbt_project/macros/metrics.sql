{# Every metric without a dimension, and whether it is a ratio: each has a row on every
   day of the calendar, so that a day without events shows zeros and not a gap. #}
{% macro whole_metrics() -%}
    ('active_users', false),
    ('active_identified_users', false),
    ('sessions', false),
    ('chat_sessions', false),
    ('engagement_rate', true),
    ('bounce_rate', true),
    ('single_page_bounce_rate', true),
    ('error_rate', true),
    ('average_session_seconds', true),
    ('client_session_disagreement_rate', true),
    ('events', false),
    ('page_views', false),
    ('errors', false),
    ('errors_per_1000_views', true),
    ('booking_attempts', false),
    ('excluded_events', false),
    ('excluded_operations', false),
    ('double_views', false),
    ('new_users', false),
    ('booking_requests', false),
    ('accepted_bookings', false),
    ('completed_bookings', false)
{%- endmacro %}

{# The value of a metric that is not split, from rows of one day. #}
{% macro whole_value(metric_id) -%}
    max(value) filter (where metric_id = '{{ metric_id }}' and dimension = 'all')
{%- endmacro %}

{# The CTE `missing`: a day without a number for a whole metric has an explicit zero. #}
{% macro missing_zeros(found, days) -%}
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
            {{ days }}
            and not exists (
                select from {{ found }}
                where
                    {{ found }}.day = listed.day
                    and {{ found }}.metric_id = metrics.metric_id
                    and {{ found }}.dimension = 'all'
            )

    )
{%- endmacro %}
