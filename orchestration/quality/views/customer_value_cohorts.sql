-- One row per ISO week of registration, currency and number of days: net revenue in so many days
-- from registration, per customer acquired and per payer. Only cohorts whose days are all over.
with

accounts as (

    select
        persons.user_id,
        (persons.registered_at at time zone status.timezone)::date as registered_on
    from raw.app_persons as persons
    cross join published.status as status
    where
        persons.valid_to is null
        and persons.role = 'customer'
        and not persons.is_internal
        and not persons.is_test

),

spent as (

    select
        accounts.user_id,
        movements.currency,
        movements.cash_on - accounts.registered_on as day_number,
        movements.kind = 'payment' as is_payment,
        coalesce(movements.charged_minor, -movements.refunded_minor) as net_minor
    from accounts
    inner join published_data.money_movements as movements
        on accounts.user_id = movements.user_id
    where
        movements.kind in ('payment', 'refund')
        and movements.set_aside_reason is null
        and movements.cash_on >= accounts.registered_on

),

bought as (

    select
        spent.user_id,
        spent.currency,
        windows.day_count,
        bool_or(spent.is_payment) as has_paid,
        sum(spent.net_minor) as net_minor
    from spent
    inner join (values (7), (30), (90), (180), (365)) as windows (day_count)
        on spent.day_number < windows.day_count
    group by spent.user_id, spent.currency, windows.day_count

),

cohorts as (

    select
        date_trunc('week', accounts.registered_on)::date as registered_week,
        windows.day_count,
        currencies.currency,
        count(*) as acquired_count,
        count(*) filter (where bought.has_paid) as payer_count,
        coalesce(sum(bought.net_minor), 0) as net_revenue_minor
    from accounts
    cross join (values (7), (30), (90), (180), (365)) as windows (day_count)
    cross join (select distinct spent.currency from spent) as currencies
    left join bought
        on
            accounts.user_id = bought.user_id
            and windows.day_count = bought.day_count
            and currencies.currency = bought.currency
    group by 1, 2, 3

)

select
    cohorts.registered_week,
    cohorts.day_count,
    cohorts.currency,
    cohorts.acquired_count,
    cohorts.payer_count,
    cohorts.net_revenue_minor,
    cohorts.net_revenue_minor / cohorts.acquired_count as net_revenue_per_acquired_minor,
    cohorts.net_revenue_minor / nullif(cohorts.payer_count, 0) as net_revenue_per_payer_minor
from cohorts
cross join published.status as status
where
    (cohorts.registered_week + 7 + cohorts.day_count)::timestamp at time zone status.timezone
    <= (status.watermarks ->> 'money_movements')::timestamptz
