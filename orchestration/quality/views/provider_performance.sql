-- One row per provider, reporting day and window of 1, 28 or 90 days that ends with it: what
-- happened in the window, by the day of the decision, of the end, of the review, and of the end of
-- a customer's 90 days. A rate of nothing is unknown. The shrunk rating is drawn to the mean of all
-- ratings of the window by a weight of the registry. Revenue is by the day of the service, and only
-- told where all of it is in one currency. A window is mature when its last day is over
-- and it does not begin before the first day known.
with summed as (
    select
        days.day,
        windows.window_days,
        facts.provider_id,
        max(days.period_ends_at) as period_ends_at,
        sum(facts.requested_count)::bigint as requested_count,
        sum(facts.accepted_count)::bigint as accepted_count,
        sum(facts.declined_count)::bigint as declined_count,
        sum(facts.expired_count)::bigint as expired_count,
        sum(facts.completed_count)::bigint as completed_count,
        sum(facts.cancelled_by_customer_count)::bigint as cancelled_by_customer_count,
        sum(facts.cancelled_by_provider_count)::bigint as cancelled_by_provider_count,
        sum(facts.no_show_count)::bigint as no_show_count,
        sum(facts.rating_count)::bigint as rating_count,
        sum(facts.rating_sum)::bigint as rating_sum,
        sum(facts.matured_customer_count)::bigint as matured_customer_count,
        sum(facts.repeat_customer_count)::bigint as repeat_customer_count
    from published_data.days as days
    cross join (values (1), (28), (90)) as windows (window_days)
    inner join published_data.provider_performance_daily as facts
        on facts.day > days.day - windows.window_days and facts.day <= days.day
    group by days.day, windows.window_days, facts.provider_id
),

responded as (
    select
        days.day,
        windows.window_days,
        facts.provider_id,
        percentile_cont(0.5) within group (order by responses.seconds) as median_seconds
    from published_data.days as days
    cross join (values (1), (28), (90)) as windows (window_days)
    inner join published_data.provider_performance_daily as facts
        on facts.day > days.day - windows.window_days and facts.day <= days.day
    cross join lateral unnest(facts.response_seconds) as responses (seconds)
    group by days.day, windows.window_days, facts.provider_id
),

earned as (
    select
        days.day,
        windows.window_days,
        revenue.provider_id,
        case when count(distinct revenue.currency) = 1 then min(revenue.currency) end as currency,
        sum(revenue.charged_minor) as charged_minor,
        sum(revenue.net_minor) as net_minor
    from published_data.days as days
    cross join (values (1), (28), (90)) as windows (window_days)
    inner join published_data.revenue_daily as revenue
        on revenue.day > days.day - windows.window_days and revenue.day <= days.day
    where revenue.basis = 'service'
    group by days.day, windows.window_days, revenue.provider_id
),

compared as (
    select
        summed.*,
        earned.currency,
        case when earned.currency is not null then earned.charged_minor end as charged_minor,
        case when earned.currency is not null then earned.net_minor end as net_minor,
        responded.median_seconds,
        summed.completed_count + summed.cancelled_by_customer_count
        + summed.cancelled_by_provider_count + summed.no_show_count as ended_count,
        sum(summed.rating_sum) over alike
        / nullif(sum(summed.rating_count) over alike, 0) as mean_rating,
        (select min(first.day) from published_data.days as first) as first_day
    from summed
    left join responded
        on
            summed.day = responded.day
            and summed.window_days = responded.window_days
            and summed.provider_id = responded.provider_id
    left join earned
        on
            summed.day = earned.day
            and summed.window_days = earned.window_days
            and summed.provider_id = earned.provider_id
    window alike as (partition by summed.day, summed.window_days)
)

select
    compared.day,
    compared.window_days,
    compared.provider_id,
    compared.requested_count,
    compared.accepted_count,
    compared.declined_count,
    compared.expired_count,
    round(
        compared.accepted_count / nullif(
            compared.accepted_count + compared.declined_count + compared.expired_count, 0
        )::numeric,
        8
    ) as acceptance_rate,
    compared.median_seconds as median_response_seconds,
    compared.ended_count,
    compared.completed_count,
    compared.cancelled_by_customer_count,
    compared.cancelled_by_provider_count,
    round(compared.cancelled_by_provider_count / nullif(compared.ended_count, 0)::numeric, 8)
        as provider_cancellation_rate,
    compared.no_show_count,
    round(
        compared.no_show_count
        / nullif(compared.completed_count + compared.no_show_count, 0)::numeric,
        8
    ) as no_show_rate,
    compared.rating_count,
    round(compared.rating_sum / nullif(compared.rating_count, 0)::numeric, 8) as average_rating,
    round(
        (compared.rating_sum + priors.weight * compared.mean_rating)
        / (compared.rating_count + priors.weight),
        8
    ) as shrunk_rating,
    compared.matured_customer_count,
    compared.repeat_customer_count,
    round(
        compared.repeat_customer_count / nullif(compared.matured_customer_count, 0)::numeric, 8
    ) as repeat_rate,
    compared.currency,
    compared.charged_minor,
    compared.net_minor,
    coalesce(
        compared.period_ends_at <= completeness.through
        and compared.day - compared.window_days + 1 >= compared.first_day,
        false
    ) as is_mature,
    completeness.through as data_complete_through
from compared
cross join published.status as status
cross join lateral (
    select (status.watermarks ->> 'provider_performance_daily')::timestamptz as through
) as completeness
cross join lateral (
    select coalesce(
        (select defaults.rating_prior_weight from registry.marketplace as defaults), 5
    ) as weight
) as priors
