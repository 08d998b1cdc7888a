-- One row per day: the mean of the daily active persons of the 30 days that end with it, by the
-- persons active in them. Unknown before there are 30 days, and while the last is not over.
select
    active.day,
    case
        when days.is_mature and active.trailing_day_count = 30
            then
                round(active.trailing_daily_sum / 30.0 / nullif(active.monthly_count, 0), 8)
    end as stickiness,
    case
        when days.is_mature and active.trailing_day_count = 30
            then
                round(
                    active.trailing_identified_sum / 30.0
                    / nullif(active.identified_monthly_count, 0),
                    8
                )
    end as identified_stickiness,
    active.trailing_daily_sum,
    active.monthly_count,
    active.trailing_day_count,
    days.is_mature,
    active.is_final,
    active.data_complete_through
from published.active_persons_daily as active
cross join published.status as status
cross join lateral (
    select
        coalesce(
            active.data_complete_through
            >= (active.day + 1)::timestamp at time zone status.timezone,
            false
        ) as is_mature
) as days
