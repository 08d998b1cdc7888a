{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

-- What happened once counts 1; money by cash date, a refund negative on its own date.
facts as (

    select
        requested_at as recorded_at,
        {{ reporting_day('requested_at') }} as day,
        'booking_requests' as metric_id,
        'all' as currency,
        1 as amount,
        user_id
    from {{ ref('stg_app__bookings') }}

    union all

    select
        registered_at as recorded_at,
        {{ reporting_day('registered_at') }} as day,
        'new_users' as metric_id,
        'all' as currency,
        1 as amount,
        user_id
    from {{ ref('stg_app__persons') }}

    union all

    select
        states.entered_at as recorded_at,
        {{ reporting_day('states.entered_at') }} as day,
        states.state || '_bookings' as metric_id,
        'all' as currency,
        1 as amount,
        bookings.user_id
    from {{ ref('stg_app__booking_states') }} as states
    left join {{ ref('stg_app__bookings') }} as bookings
        on states.booking_id = bookings.booking_id
    where states.state in ('accepted', 'completed')

    union all

    -- What is in no sum of money is in none here: a payment without an order.
    select
        {{ day_start('moved.cash_on') }} as recorded_at,
        moved.cash_on as day,
        money.metric_id,
        moved.currency,
        money.amount,
        moved.user_id
    from {{ ref('money_movements') }} as moved
    cross join
        lateral (
            values
            ('revenue', moved.charged_minor),
            ('refunds', -moved.refunded_minor),
            ('net_revenue', coalesce(moved.charged_minor, -moved.refunded_minor))
        ) as money (metric_id, amount)
    where moved.kind in ('payment', 'refund') and money.amount is not null

)

select
    facts.recorded_at,
    facts.day,
    facts.metric_id,
    facts.currency,
    facts.amount,
    accounts.exclusion
from facts
left join {{ source('identity', 'excluded_accounts') }} as accounts
    on facts.user_id = accounts.user_id
