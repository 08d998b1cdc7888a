{# Bookings and orders of tickets whose money is looked at again, with their days and what
   they cost. Macros, since an ephemeral model does not know what is incremental. #}
{% macro orders_dated() -%}
    with

    ticketed as (

        select
            order_id,
            {{ of_first_ticket('user_id') }} as user_id,
            {{ of_first_ticket('occasion_id') }} as occasion_id,
            min(issued_at) as issued_at,
            sum(price_minor)::bigint as price_minor,
            sum(fee_minor)::bigint as fee_minor,
            {{ of_first_ticket('currency') }} as currency,
            count(distinct currency) > 1 as is_mixed
        from {{ changed_order_rows(ref('stg_app__tickets'), 'order_id', 'order') }} as tickets
        where order_id is not null
        group by order_id

    ),

    -- When the order says that it was paid; the payment may say otherwise.
    logged as (

        select
            booking_id,
            {{ reporting_day('min(entered_at)') }} as paid_on
        from {{ changed_order_rows(
            ref('stg_app__booking_states'), 'booking_id', 'booking'
        ) }} as states
        where state = 'paid'
        group by booking_id

    ),

    occasions as (

        select occasions.*
        from (select distinct occasion_id from ticketed) as attended
        {{ joined_rows(
            ref('stg_app__occasions'), 'occasions', 'occasion_id', 'attended.occasion_id'
        ) }}

    )

    select
        'booking ' || bookings.booking_id as order_key,
        bookings.user_id,
        bookings.provider_id,
        coalesce(bookings.service_id, 'unknown') as service,
        {{ reporting_day('bookings.requested_at') }} as booked_on,
        {{ reporting_day('bookings.starts_at') }} as service_on,
        logged.paid_on,
        coalesce(bookings.discount_minor, 0) as discount_minor,
        bookings.discount_funder,
        bookings.charged_minor as expected_minor,
        bookings.fee_minor,
        bookings.tax_minor,
        bookings.currency,
        bookings.state in ('requested', 'accepted', 'paid') as is_open,
        bookings.state in ('paid', 'completed', 'no_show') as is_due,
        coalesce(
            bookings.list_minor - coalesce(bookings.discount_minor, 0)
            <> bookings.charged_minor,
            false
        ) as is_inconsistent
    from {{ changed_order_rows(
        ref('stg_app__bookings'), 'booking_id', 'booking'
    ) }} as bookings
    left join logged on bookings.booking_id = logged.booking_id

    union all

    select
        'order ' || ticketed.order_id as order_key,
        ticketed.user_id,
        occasions.provider_id,
        coalesce('occasion ' || occasions.category, 'unknown') as service,
        {{ reporting_day('ticketed.issued_at') }} as booked_on,
        {{ reporting_day('occasions.starts_at') }} as service_on,
        null as paid_on,
        0 as discount_minor,
        null as discount_funder,
        ticketed.price_minor as expected_minor,
        ticketed.fee_minor,
        null as tax_minor,
        ticketed.currency,
        coalesce(occasions.state, '') not in ('finished', 'cancelled') as is_open,
        true as is_due,
        ticketed.is_mixed as is_inconsistent
    from ticketed
    left join occasions on ticketed.occasion_id = occasions.occasion_id
{%- endmacro %}

{# What the earliest ticket of an order says of all of it. #}
{% macro of_first_ticket(column) -%}
    (array_agg({{ column }} order by issued_at, ticket_id collate "C"))[1]
{%- endmacro %}

{# Their captured payments and stray ones, beside the `orders` that they are for. #}
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

{# All of them in one form: the movements of money of the orders looked at. #}
{% macro movements_of_money() -%}
    {{ money_rows('payment', 'payments', 'payment_id', {
        'order_key': 'order_key', 'moved_on': 'cash_on', 'booked_on': 'booked_on',
        'service_on': 'service_on', 'cash_on': 'cash_on', 'currency': 'currency',
        'provider_id': 'earner_id', 'service': 'service', 'user_id': 'customer_id',
        'payment_id': 'payment_id', 'payout_id': 'payout_id', 'stated_minor': 'amount_minor',
        'list_minor': 'amount_minor + own_discount', 'discount_minor': 'own_discount',
        'platform_discount_minor':
            "case when discount_funder = 'platform' then own_discount else 0 end",
        'charged_minor': 'amount_minor', 'tax_minor': 'own_tax',
        'fee_minor': 'own_fee', 'expected_minor': 'expected_minor',
        'order_outcome': 'outcome', 'is_open': 'is_open', 'set_aside_reason': 'reason',
    }) }}

    union all

    {{ money_rows('missing_payment', 'unpaid', 'order_key', {
        'order_key': 'order_key', 'moved_on': 'coalesce(service_on, booked_on)',
        'booked_on': 'booked_on', 'service_on': 'service_on', 'currency': 'currency',
        'provider_id': 'provider_id', 'service': 'service', 'user_id': 'user_id',
        'stated_minor': '0', 'expected_minor': 'expected_minor',
        'order_outcome': "'missing_right'", 'is_open': 'is_open',
    }) }}

    union all

    {{ money_rows('refund', 'refunds', 'refund_id', {
        'order_key': 'order_key', 'moved_on': 'refunded_on', 'booked_on': 'booked_on',
        'service_on': 'service_on', 'cash_on': 'refunded_on', 'currency': 'currency',
        'provider_id': 'earner_id', 'service': 'service', 'user_id': 'customer_id',
        'payment_id': 'payment_id', 'payout_id': 'payout_id', 'stated_minor': 'amount_minor',
        'refunded_minor': 'amount_minor', 'set_aside_reason': 'reason',
    }) }}

    union all

    {{ money_rows('payout', 'payouts', 'payout_id', {
        'order_key': "'payout ' || payout_id", 'moved_on': 'paid_on', 'cash_on': 'paid_on',
        'currency': 'currency', 'provider_id': 'provider_id', 'payout_id': 'payout_id',
        'stated_minor': 'net_minor', 'adjustment_minor': 'adjustment_minor',
        'paid_out_minor': 'net_minor', 'set_aside_reason': 'reason',
    }) }}
{%- endmacro %}
