{# A fact of the app in the columns that predicates over events may name. #}
{% macro app_fact(relation, instant, event_name, key, known, condition='true') -%}
    {%- set values = {
        'source': "'app'", 'event_name': event_name,
        'event_id': event_name ~ " || ' ' || " ~ key,
        'occurred_at': instant, 'occurred_on': reporting_day(instant),
    } -%}
    {%- do values.update(known) -%}
    {%- set columns = [] -%}
    {%- for name, type in event_columns().items() -%}
        {%- set value = values.get(name, 'null') -%}
        {%- do columns.append('(' ~ value ~ ')::' ~ type ~ ' as ' ~ name) -%}
    {%- endfor -%}
    select {{ columns | join(', ') }}
    from {{ relation }}
    where {{ instant }} is not null and {{ condition }}
{%- endmacro %}

{# A state that bookings entered, as a fact of the one who booked. #}
{% macro booking_fact(state) -%}
    {%- set entered -%}
        (
            select
                states.booking_state_id,
                states.entered_at,
                bookings.*
            from {{ ref('stg_app__booking_states') }} as states
            inner join {{ ref('stg_app__bookings') }} as bookings
                on states.booking_id = bookings.booking_id
            where states.state in ('{{ state if state is string else state | join("', '") }}')
        ) as entered_states
    {%- endset -%}
    {%- set name = state if state is string else 'cancelled' -%}
    {{ app_fact(entered, 'entered_at', "'app.booking_" ~ name ~ "'", 'booking_state_id', {
        'user_id': 'user_id', 'booking_id': 'booking_id',
        'provider_id': 'provider_id', 'listing_id': 'listing_id',
        'occasion_id': 'occasion_id', 'order_id': 'order_id',
    }) }}
{%- endmacro %}

{# A refund: a negative amount on its own date, of whom the payment was. #}
{% macro refund_fact() -%}
    {%- set returned -%}
        (
            select
                refunds.refund_id,
                refunds.refunded_at,
                refunds.booking_id,
                refunds.currency,
                refunds.state,
                -refunds.amount_minor as amount_minor,
                payments.user_id,
                payments.order_id
            from {{ ref('stg_app__refunds') }} as refunds
            inner join {{ ref('stg_app__payments') }} as payments
                on refunds.payment_id = payments.payment_id
        ) as returned_payments
    {%- endset -%}
    {{ app_fact(returned, 'refunded_at', "'app.booking_refunded'", 'refund_id', {
        'user_id': 'user_id', 'booking_id': 'booking_id', 'order_id': 'order_id',
        'value_minor': 'amount_minor', 'currency': 'currency',
    }, "coalesce(state, 'done') not in ('failed', 'pending')") }}
{%- endmacro %}

{# What predicates may name, and what tells rows apart. #}
{% macro event_columns() -%}
    {{ return({
        'source': 'text', 'event_id': 'text', 'event_name': 'text', 'lateness': 'text',
        'occurred_on': 'date', 'occurred_at': 'timestamptz',
        'source_sequence': 'bigint', 'device_id': 'text', 'user_id': 'text',
        'is_interactive': 'boolean', 'is_bot': 'boolean', 'is_internal': 'boolean',
        'is_test': 'boolean', 'purposes': 'text[]', 'page_url': 'text',
        'page_path': 'text', 'referrer': 'text', 'utm_source': 'text',
        'utm_medium': 'text', 'utm_campaign': 'text', 'utm_term': 'text',
        'utm_content': 'text', 'occasion_id': 'text', 'listing_id': 'text',
        'provider_id': 'text', 'booking_id': 'text', 'order_id': 'text',
        'currency': 'text', 'value_minor': 'bigint', 'duration_ms': 'bigint',
        'status_code': 'integer', 'platform': 'text', 'device_class': 'text',
        'browser_family': 'text', 'region': 'text', 'locale': 'text',
        'app_version': 'text', 'properties': 'jsonb',
    }) }}
{%- endmacro %}
