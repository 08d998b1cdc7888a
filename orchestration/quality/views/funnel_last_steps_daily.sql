-- One row per day and funnel that ends with an event: how often its last step truly happened, as
-- the app has it, and how often an event tells of it.
select
    captured.day,
    steps.funnel_id,
    steps.step_name,
    steps.fact,
    sum(captured.fact_count)::bigint as true_count,
    sum(captured.captured_count)::bigint as tracked_count,
    round(
            sum(captured.captured_count) / nullif(sum(captured.fact_count), 0), 8
        ) as capture_rate
from published_data.facts_captured_daily as captured
inner join (values ('tickets', 'purchase', 'order')) as steps (funnel_id, step_name, fact)
    on captured.fact = steps.fact
group by captured.day, steps.funnel_id, steps.step_name, steps.fact
