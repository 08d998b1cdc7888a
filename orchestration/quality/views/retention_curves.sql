-- One row per retention grid, breakdown value, currency and period since the start: the average
-- over cohorts, weighted by their size. Only cohorts for which the period is over count, so each
-- period has cohorts of its own, and says how many.
select
    retention_id,
    breakdown,
    currency,
    period_index,
    mode,
    clock,
    period,
    measure,
    count(*) filter (where is_mature) as cohort_count,
    count(*) filter (where not is_mature) as immature_cohort_count,
    coalesce(sum(unit_count) filter (where is_mature), 0)::bigint as unit_count,
    sum(returned_count) filter (where is_mature)::bigint as returned_count,
    round(
        sum(returned_count) filter (where is_mature)
        / nullif(sum(unit_count) filter (where is_mature), 0),
        8
    ) as return_rate,
    sum(cumulative_amount) filter (where is_mature) as cumulative_amount,
    sum(cumulative_amount) filter (where is_mature)
    / nullif(sum(unit_count) filter (where is_mature), 0) as amount_per_unit,
    bool_and(is_final) as is_final,
    min(data_complete_through) as data_complete_through
from published.retention_cohorts
group by
    retention_id, breakdown, currency, period_index, mode, clock, period, measure
