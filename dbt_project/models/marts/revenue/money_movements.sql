{{ config(
    unique_key=['order_key', 'movement_id'],
    indexes=[
        {'columns': ['order_key', 'movement_id'], 'unique': true},
        {'columns': ['booked_on']},
        {'columns': ['service_on']},
        {'columns': ['cash_on']},
        {'columns': ['moved_on']},
        {'columns': ['provider_id', 'cash_on']},
        {'columns': ['payout_id']},
    ],
    pre_hook="{{ claim_changed_orders() }}",
    post_hook=["{{ record_money_days() }}", "{{ claim_payouts_of_changed() }}"],
) }}

with

orders as (

    {{ orders_dated() }}

),

payments as (

    {{ payments_matched() }}

),

refunds as (

    {{ refunds_matched() }}

),

payouts as (

    {{ payouts_dated() }}

),

unpaid as (

    select orders.*
    from orders
    where
        orders.is_due
        and orders.expected_minor > 0
        and not exists (
            select from payments
            where payments.order_key = orders.order_key
        )

),

movements as (

    {{ movements_of_money() }}

)

select
    movements.*,
    accounts.exclusion
from movements
left join {{ source('identity', 'excluded_accounts') }} as accounts
    on movements.user_id = accounts.user_id
