-- One row per provider and ISO week or month with hours available or booked: days add up, since
-- each is cut at its ends. The rate is unknown without availability. A period is mature when its
-- last day is over.
select
    periods.period,
    periods.period_on,
    daily.provider_id,
    sum(daily.available_seconds) as available_seconds,
    sum(daily.booked_seconds) as booked_seconds,
    sum(daily.double_booked_seconds) as double_booked_seconds,
    sum(daily.outside_seconds) as outside_seconds,
    sum(daily.completed_seconds) as completed_seconds,
    sum(daily.no_show_seconds) as no_show_seconds,
    round(
        sum(daily.booked_seconds) / nullif(sum(daily.available_seconds), 0), 8
    ) as utilisation_rate,
    bool_and(
        coalesce(
            periods.next_on::timestamp at time zone status.timezone <= completeness.through,
            false
        )
    ) as is_mature,
    max(completeness.through) as data_complete_through
from published_data.utilisation_daily as daily
cross join published.status as status
cross join lateral (
    select (status.watermarks ->> 'utilisation_daily')::timestamptz as through
) as completeness
cross join lateral (
    values
    (
        'week',
        date_trunc('week', daily.day::timestamp)::date,
        (date_trunc('week', daily.day::timestamp) + interval '7 days')::date
    ),
    (
        'month',
        date_trunc('month', daily.day::timestamp)::date,
        (date_trunc('month', daily.day::timestamp) + interval '1 month')::date
    )
) as periods (period, period_on, next_on)
group by periods.period, periods.period_on, daily.provider_id
