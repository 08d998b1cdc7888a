-- One row per day, operational fact, browser family and consent: how many of the facts an event
-- tells of. The last step of an event-based funnel is as true as the rate of its fact. Of days
-- before the first event nothing can be told: accounts are older than the warehouse.
select
    captured.day,
    captured.fact,
    case captured.fact
        when 'booking' then 'booking_attempt'
        when 'order' then 'conversion'
        else 'user_registered'
    end as event_name,
    captured.browser_family,
    captured.consent,
    captured.fact_count,
    captured.captured_count,
    case
        when captured.day >= (
            select min(metrics.day) from published_data.metrics_daily as metrics
            where
                metrics.metric_id = 'events' and metrics.dimension = 'all' and metrics.value > 0
        )
            then round(captured.captured_count::numeric / captured.fact_count, 8)
    end as capture_rate
from published_data.facts_captured_daily as captured
