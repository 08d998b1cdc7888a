{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

-- What happened once counts 1; money by cash date, a refund negative on its own date.
facts as (

    select
        requested_at as recorded_at,
        'booking_requests' as metric_id,
        'all' as currency,
        1 as amount,
        user_id
    from {{ ref('stg_app__bookings') }}

    union all

    select
        registered_at as recorded_at,
        'new_users' as metric_id,
        'all' as currency,
        1 as amount,
        user_id
    from {{ ref('stg_app__persons') }}

    union all

    select
        states.entered_at as recorded_at,
        states.state || '_bookings' as metric_id,
        'all' as currency,
        1 as amount,
        bookings.user_id
    from {{ ref('stg_app__booking_states') }} as states
    left join {{ ref('stg_app__bookings') }} as bookings
        on states.booking_id = bookings.booking_id
    where states.state in ('accepted', 'completed')

    union all

    select
        payments.paid_at as recorded_at,
        money.metric_id,
        payments.currency,
        payments.amount_minor as amount,
        payments.user_id
    from {{ ref('stg_app__payments') }} as payments
    cross join (values ('revenue'), ('net_revenue')) as money (metric_id)
    where payments.paid_at is not null and payments.state not in ('failed', 'pending')

    union all

    select
        refunds.refunded_at as recorded_at,
        money.metric_id,
        refunds.currency,
        -refunds.amount_minor as amount,
        payments.user_id
    from {{ ref('stg_app__refunds') }} as refunds
    left join {{ ref('stg_app__payments') }} as payments
        on refunds.payment_id = payments.payment_id
    cross join (values ('refunds'), ('net_revenue')) as money (metric_id)
    where coalesce(refunds.state, 'done') not in ('failed', 'pending')

)

select
    facts.recorded_at,
    {{ reporting_day('facts.recorded_at') }} as day,
    facts.metric_id,
    facts.currency,
    facts.amount,
    accounts.exclusion
from facts
left join {{ source('identity', 'excluded_accounts') }} as accounts
    on facts.user_id = accounts.user_id
