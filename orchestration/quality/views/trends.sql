-- One row per trend and interval with what changed since the one before and since the same
-- weekday (for hours: the same hour) a week before. A relative change from 0 is unknown, and so
-- is any change of an interval that is not over.
with numbered as (
    select
        periods.*,
        sum(periods.added_value) over (
            partition by periods.trend_id order by periods.period_starts_at
        ) as cumulative_value,
        lag(periods.value) over before as previous_value,
        lag(periods.value, 7) over before as days_back_value,
        lag(periods.value, 168) over before as hours_back_value
    from published.trend_periods as periods
    window before as (partition by periods.trend_id order by periods.period_starts_at)
),

compared as (
    select
        numbered.*,
        case numbered.period
            when 'day' then numbered.days_back_value
            when 'hour' then numbered.hours_back_value
        end as same_weekday_value
    from numbered
)

select
    trend_id,
    period,
    period_on,
    period_starts_at,
    period_ends_at,
    value,
    cumulative_value,
    previous_value,
    case when is_mature then value - previous_value end as change,
    case
        when is_mature then round((value - previous_value) / nullif(previous_value, 0), 8)
    end as change_rate,
    same_weekday_value,
    case when is_mature then value - same_weekday_value end as same_weekday_change,
    case
        when is_mature
            then round((value - same_weekday_value) / nullif(same_weekday_value, 0), 8)
    end as same_weekday_change_rate,
    is_mature,
    is_final,
    data_complete_through
from compared
