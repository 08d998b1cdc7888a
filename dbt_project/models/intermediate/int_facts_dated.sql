{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

requested as (

    {{ app_fact('stg_app__bookings', 'requested_at', "'app.booking_requested'",
        'booking_id', {
            'user_id': 'user_id', 'booking_id': 'booking_id',
            'provider_id': 'provider_id', 'listing_id': 'listing_id',
            'occasion_id': 'occasion_id', 'order_id': 'order_id',
        }) }}

),

paid as (

    {{ app_fact('stg_app__payments', 'paid_at', "'app.booking_paid'", 'payment_id', {
        'user_id': 'user_id', 'booking_id': 'booking_id', 'order_id': 'order_id',
        'value_minor': 'amount_minor', 'currency': 'currency',
    }, "state not in ('failed', 'pending')") }}

),

registered as (

    {{ app_fact('stg_app__persons', 'registered_at', "'app.user_registered'",
        'user_id', {'user_id': 'user_id'}) }}

)

select * from requested
union all
select * from paid
union all
select * from registered
