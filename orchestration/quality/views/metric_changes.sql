-- One row per metric, dimension value and day, with what changed since the day before and since
-- the same weekday. A relative change from 0 is unknown, and so is any change of a day that is
-- not complete. A value that a day lacks is unknown, not 0.
select
    metrics.day,
    metrics.metric_id,
    metrics.dimension,
    metrics.dimension_value,
    metrics.value,
    yesterday.value as previous_value,
    days.value_change as change,
    round(days.value_change / nullif(yesterday.value, 0), 8) as change_rate,
    last_week.value as same_weekday_value,
    days.weekday_change as same_weekday_change,
    round(days.weekday_change / nullif(last_week.value, 0), 8) as same_weekday_change_rate,
    days.is_mature,
    metrics.is_final,
    metrics.data_complete_through
from published.metrics_daily as metrics
left join published.metrics_daily as yesterday
    on
        yesterday.day = metrics.day - 1
        and yesterday.metric_id = metrics.metric_id
        and yesterday.dimension = metrics.dimension
        and yesterday.dimension_value = metrics.dimension_value
left join published.metrics_daily as last_week
    on
        last_week.day = metrics.day - 7
        and last_week.metric_id = metrics.metric_id
        and last_week.dimension = metrics.dimension
        and last_week.dimension_value = metrics.dimension_value
cross join published.status as status
cross join lateral (
    select
        coalesce(
            metrics.data_complete_through
            >= (metrics.day + 1)::timestamp at time zone status.timezone,
            false
        ) as is_mature
) as over_days
cross join lateral (
    select
        over_days.is_mature,
        case when over_days.is_mature then metrics.value - yesterday.value end as value_change,
        case when over_days.is_mature then metrics.value - last_week.value end
            as weekday_change
) as days
