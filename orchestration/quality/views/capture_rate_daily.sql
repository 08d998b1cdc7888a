-- One row per day, operational fact, browser family and consent: how many of the facts an event
-- tells of. The last step of an event-based funnel is as true as the rate of its fact.
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
    round(captured.captured_count::numeric / captured.fact_count, 8) as capture_rate
from published_data.facts_captured_daily as captured
