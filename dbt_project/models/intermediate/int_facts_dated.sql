{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

requested as (

    {{ app_fact(ref('stg_app__bookings'), 'requested_at', "'app.booking_requested'",
        'booking_id', {
            'user_id': 'user_id', 'booking_id': 'booking_id',
            'provider_id': 'provider_id', 'listing_id': 'listing_id',
            'occasion_id': 'occasion_id', 'order_id': 'order_id',
        }) }}

),

paid as (

    {{ app_fact(ref('stg_app__payments'), 'paid_at', "'app.booking_paid'", 'payment_id', {
        'user_id': 'user_id', 'booking_id': 'booking_id', 'order_id': 'order_id',
        'value_minor': 'amount_minor', 'currency': 'currency',
    }, "state not in ('failed', 'pending')") }}

),

accepted as (

    {{ booking_fact('accepted') }}

),

completed as (

    {{ booking_fact('completed') }}

),

cancelled as (

    {{ booking_fact(['cancelled_by_customer', 'cancelled_by_provider']) }}

),

reviewed as (

    {{ app_fact(ref('stg_app__reviews'), 'created_at', "'app.review_written'", 'review_id',
        {'user_id': 'user_id', 'booking_id': 'booking_id', 'provider_id': 'provider_id'}) }}

),

ticketed as (

    {{ app_fact(ref('stg_app__tickets'), 'issued_at', "'app.ticket_issued'", 'ticket_id', {
        'user_id': 'user_id', 'booking_id': 'booking_id', 'occasion_id': 'occasion_id',
        'order_id': 'order_id',
    }) }}

),

registered as (

    {{ app_fact(ref('stg_app__persons'), 'registered_at', "'app.user_registered'",
        'user_id', {'user_id': 'user_id'}) }}

),

refunded as (

    {{ refund_fact() }}

)

{% for fact in [
    'requested', 'accepted', 'completed', 'cancelled', 'reviewed', 'ticketed', 'paid',
    'refunded', 'registered',
] %}
    select * from {{ fact }}
    {{ 'union all' if not loop.last }}
{% endfor %}
