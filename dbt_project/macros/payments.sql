{# The captured payments of the `orders` looked at, and stray ones. #}
{% macro payments_matched() -%}
    with

    -- One condition a branch: each finds its payments by an index of its own.
    captured as (

        select payments.*
        from {{ changed_order_rows(
            ref('stg_app__payments'), 'booking_id', 'booking'
        ) }} as payments
        where payments.booking_id is not null
        union all
        select payments.*
        from {{ changed_order_rows(
            ref('stg_app__payments'), 'order_id', 'order'
        ) }} as payments
        where payments.order_id is not null and payments.booking_id is null
        union all
        select payments.*
        from {{ changed_order_rows(
            ref('stg_app__payments'), 'payment_id', 'payment'
        ) }} as payments
        where payments.order_id is null and payments.booking_id is null

    ),

    placed as (

        select
            payments.*,
            {{ order_key('payments') }} as order_key,
            coalesce(orders.user_id, payments.user_id) as customer_id,
            coalesce(orders.provider_id, payments.provider_id) as earner_id,
            orders.service,
            orders.booked_on,
            orders.service_on,
            {{ reporting_day('payments.paid_at') }} as cash_on,
            orders.paid_on,
            orders.discount_minor,
            orders.discount_funder,
            orders.expected_minor,
            orders.fee_minor as order_fee_minor,
            orders.tax_minor as order_tax_minor,
            coalesce(orders.is_open, false) as is_open,
            coalesce(payments.currency <> orders.currency, true) as is_other_currency,
            case
                when orders.order_key is null then 'without_order'
                when not {{ is_known_currency('payments.currency') }} then 'unknown_currency'
                when coalesce(payments.currency <> orders.currency, true)
                    then 'currency_of_order_differs'
                when orders.is_inconsistent then 'order_does_not_add_up'
            end as reason
        from captured as payments
        left join orders
            on {{ order_key('payments') }} = orders.order_key
        where {{ is_captured('payments') }}

    ),

    -- Payments in another currency than their order's are none of its sum.
    counted as (

        select
            *,
            row_number() over in_order = 1 as is_first,
            amount_minor = expected_minor as is_equal,
            count(*) filter (where amount_minor = expected_minor) over in_order
                as equal_count,
            sum(amount_minor) over (partition by order_key, currency) = expected_minor
                as is_whole
        from placed
        window in_order as (
            partition by order_key, currency order by paid_at, payment_id collate "C"
        )

    )

    -- What an order says once goes with its first payment.
    select
        *,
        case when is_first then discount_minor else 0 end as own_discount,
        case
            when order_fee_minor is null then coalesce(fee_minor, 0)
            when is_first then order_fee_minor
            else 0
        end as own_fee,
        case
            when order_tax_minor is null then coalesce(tax_minor, 0)
            when is_first then order_tax_minor
            else 0
        end as own_tax,
        case
            when reason = 'without_order' then 'missing_left'
            when is_other_currency then 'amount_mismatch'
            when not is_whole and not is_equal then 'amount_mismatch'
            when not is_whole and equal_count > 1 then 'duplicate'
            when date_trunc('month', paid_on) <> date_trunc('month', cash_on) then 'timing'
            else 'matched'
        end as outcome
    from counted
{%- endmacro %}

{# Whether money was captured, or only tried. #}
{% macro is_captured(rows) -%}
    ({{ rows }}.paid_at is not null and {{ rows }}.state not in ('failed', 'pending'))
{%- endmacro %}

{# Refunds of `payments`, and those that give back nothing that was captured. #}
{% macro refunds_matched() -%}
    select
        refunds.refund_id,
        refunds.payment_id,
        refunds.payout_id,
        refunds.amount_minor,
        refunds.currency,
        {{ reporting_day('refunds.refunded_at') }} as refunded_on,
        payments.order_key,
        payments.customer_id,
        payments.earner_id,
        payments.service,
        payments.booked_on,
        payments.service_on,
        case
            when payments.reason is not null then 'payment_set_aside'
            when refunds.currency <> payments.currency then 'currency_of_payment_differs'
        end as reason
    from payments
    {{ joined_rows(
        ref('stg_app__refunds'), 'refunds', 'payment_id', 'payments.payment_id', is_done()
    ) }}

    union all

    select
        refunds.refund_id,
        refunds.payment_id,
        refunds.payout_id,
        refunds.amount_minor,
        refunds.currency,
        {{ reporting_day('refunds.refunded_at') }} as refunded_on,
        'refund ' || refunds.refund_id as order_key,
        null as customer_id,
        null as earner_id,
        null as service,
        null as booked_on,
        null as service_on,
        'without_payment' as reason
    from {{ changed_order_rows(
        ref('stg_app__refunds'), 'refund_id', 'refund'
    ) }} as refunds
    where
        {{ is_done() }}
        and not exists (
            select from {{ ref('stg_app__payments') }} as known
            where known.payment_id = refunds.payment_id and {{ is_captured('known') }}
            -- Looked up for each: a night has few.
            {{ 'offset 0' if is_partial() }}
        )
{%- endmacro %}

{# Whether a refund was made, or only tried. #}
{% macro is_done() -%}
    coalesce(state, 'done') not in ('failed', 'pending')
{%- endmacro %}

{# Payouts that were paid. #}
{% macro payouts_dated() -%}
    select
        payouts.payout_id,
        payouts.provider_id,
        payouts.currency,
        payouts.net_minor,
        coalesce(payouts.adjustment_minor, 0) as adjustment_minor,
        {{ reporting_day('payouts.paid_at') }} as paid_on,
        case
            when not {{ is_known_currency('payouts.currency') }} then 'unknown_currency'
        end as reason
    from {{ changed_order_rows(
        ref('stg_app__payouts'), 'payout_id', 'payout'
    ) }} as payouts
    where {{ is_captured('payouts') }}
{%- endmacro %}
