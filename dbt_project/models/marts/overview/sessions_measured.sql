{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

counted as (

    select
        started_on as day,
        count(*) as session_count,
        count(*) filter (where is_engaged) as engaged_count,
        count(*) filter (where not is_engaged) as bounce_count,
        count(*) filter (where is_single_page_bounce) as single_page_count,
        count(*) filter (where error_count > 0) as error_count,
        sum(duration_seconds) as duration_seconds,
        count(*) filter (where client_session_count > 0) as client_count,
        count(*) filter (where is_client_disagreeing) as disagreeing_count
    from {{ ref('sessions') }}
    group by started_on

)

select
    counted.day,
    measured.metric_id,
    'all' as dimension,
    'all' as dimension_value,
    measured.numerator,
    measured.denominator
from counted
cross join lateral (
    values
    ('sessions', counted.session_count, null),
    ('engagement_rate', counted.engaged_count, counted.session_count),
    ('bounce_rate', counted.bounce_count, counted.session_count),
    ('single_page_bounce_rate', counted.single_page_count, counted.session_count),
    ('error_rate', counted.error_count, counted.session_count),
    ('average_session_seconds', counted.duration_seconds, counted.session_count),
    ('client_session_disagreement_rate', counted.disagreeing_count, counted.client_count)
) as measured (metric_id, numerator, denominator)
