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

{# What all the money of one order goes by. #}
{% macro order_key(rows) -%}
    coalesce(
        'booking ' || {{ rows }}.booking_id,
        'order ' || {{ rows }}.order_id,
        'payment ' || {{ rows }}.payment_id
    )
{%- endmacro %}

{# Rows of one kind whose money this build looks at again; every row outside of builds. #}
{% macro changed_order_rows(relation, column, kind) -%}
    {{ changed_rows(
        relation,
        {column: 'substr(units.unit_key, ' ~ (kind | length + 2) ~ ')'},
        ['raw.app_payments'],
        "starts_with(changed.unit_key, '" ~ kind ~ " ')"
    ) }}
{%- endmacro %}
