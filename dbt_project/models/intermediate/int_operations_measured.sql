{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

requests as (

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

),

decisions as (

    select
        {{ reporting_day('entered_at') }} as day,
        case state
            when 'accepted' then 'accepted_bookings'
            else 'completed_bookings'
        end as metric_id,
        'all' as currency,
        1 as amount
    from {{ ref('stg_app__booking_states') }}
    where state in ('accepted', 'completed')

),

-- Revenue by cash date: a refund is a negative on its own date.
cash as (

    select
        {{ reporting_day('paid_at') }} as day,
        'revenue' as metric_id,
        currency,
        amount_minor as amount
    from {{ ref('stg_app__payments') }}
    where paid_at is not null and state not in ('failed', 'pending')

    union all

    select
        {{ reporting_day('refunded_at') }} as day,
        'refunds' as metric_id,
        currency,
        -amount_minor as amount
    from {{ ref('stg_app__refunds') }}
    where state is null or state not in ('failed', 'pending')

),

facts as (

    select * from requests
    union all
    select * from decisions
    union all
    select * from cash
    union all
    select
        day,
        'net_revenue' as metric_id,
        currency,
        amount
    from cash

)

select
    day,
    metric_id,
    case when currency = 'all' then 'all' else 'currency' end as dimension,
    currency as dimension_value,
    sum(amount)::numeric as numerator,
    null::numeric as denominator
from facts
where day is not null
group by day, metric_id, currency
