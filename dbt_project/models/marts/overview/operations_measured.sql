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
        {{ reporting_day('registered_at') }} as day,
        'new_users' as metric_id,
        'all' as currency,
        1 as amount
    from {{ ref('stg_app__persons') }}

    union all

    select
        {{ reporting_day('entered_at') }} as day,
        state || '_bookings' as metric_id,
        'all' as currency,
        1 as amount
    from {{ ref('stg_app__booking_states') }}
    where state in ('accepted', 'completed')

    union all

    select
        {{ reporting_day('payments.paid_at') }} as day,
        money.metric_id,
        payments.currency,
        payments.amount_minor as amount
    from {{ ref('stg_app__payments') }} as payments
    cross join (values ('revenue'), ('net_revenue')) as money (metric_id)
    where payments.paid_at is not null and payments.state not in ('failed', 'pending')

    union all

    select
        {{ reporting_day('refunds.refunded_at') }} as day,
        money.metric_id,
        refunds.currency,
        -refunds.amount_minor as amount
    from {{ ref('stg_app__refunds') }} as refunds
    cross join (values ('refunds'), ('net_revenue')) as money (metric_id)
    where coalesce(refunds.state, 'done') not in ('failed', 'pending')

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
