{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

-- What happened once counts 1; money by cash date, a refund negative on its own date.
facts as (

    select
        {{ reporting_day('requested_at') }} as day,
        'booking_requests' as metric_id,
        'all' as currency,
        1 as amount
    from {{ ref('stg_app__bookings') }}

    union all

    select
        {{ reporting_day('registered_at') }},
        'new_users',
        'all',
        1
    from {{ ref('stg_app__persons') }}

    union all

    select
        {{ reporting_day('entered_at') }},
        state || '_bookings',
        'all',
        1
    from {{ ref('stg_app__booking_states') }}
    where state in ('accepted', 'completed')

    union all

    select
        {{ reporting_day('paid_at') }},
        money.metric_id,
        currency,
        amount_minor
    from {{ ref('stg_app__payments') }}
    cross join (values ('revenue'), ('net_revenue')) as money (metric_id)
    where paid_at is not null and state not in ('failed', 'pending')

    union all

    select
        {{ reporting_day('refunded_at') }},
        money.metric_id,
        currency,
        -amount_minor
    from {{ ref('stg_app__refunds') }}
    cross join (values ('refunds'), ('net_revenue')) as money (metric_id)
    where state is null or state not in ('failed', 'pending')

)

select
    day,
    metric_id,
    case when currency = 'all' then 'all' else 'currency' end as dimension,
    currency as dimension_value,
    sum(amount)::numeric as numerator,
    null::numeric as denominator
from facts
group by day, metric_id, currency
