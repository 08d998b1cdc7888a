{# Payments, those that are missing, refunds and payouts in one form: the movements of money
   of the orders looked at. #}
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

{# What is said of every movement of money; amounts are told as the source has them. #}
{% macro money_columns() -%}
    {{ return({
        'movement_id': 'text', 'order_key': 'text', 'kind': 'text', 'moved_on': 'date',
        'booked_on': 'date', 'service_on': 'date', 'cash_on': 'date', 'currency': 'text',
        'provider_id': 'text', 'service': 'text', 'user_id': 'text',
        'payment_id': 'text', 'payout_id': 'text', 'stated_minor': 'bigint',
        'list_minor': 'bigint', 'discount_minor': 'bigint',
        'platform_discount_minor': 'bigint', 'charged_minor': 'bigint',
        'tax_minor': 'bigint', 'fee_minor': 'bigint', 'refunded_minor': 'bigint',
        'adjustment_minor': 'bigint', 'paid_out_minor': 'bigint',
        'expected_minor': 'bigint', 'order_outcome': 'text', 'is_open': 'boolean',
        'set_aside_reason': 'text',
    }) }}
{%- endmacro %}

{# Rows of a relation as movements of money of one kind. What is set aside has no amount
   but the one its source states, so that nobody sums it. #}
{% macro money_rows(kind, relation, id, given) -%}
    {%- set values = {
        'movement_id': "'" ~ kind ~ " ' || " ~ id, 'kind': "'" ~ kind ~ "'",
        'is_open': 'false',
    } -%}
    {%- do values.update(given) -%}
    {%- set reason = values.get('set_aside_reason', 'null') -%}
    {%- set columns = [] -%}
    {%- for name, type in money_columns().items() -%}
        {%- set value = values.get(name, 'null') -%}
        {%- if name in values and name in money_amounts() -%}
            {%- set value = 'case when (' ~ reason ~ ') is null then ' ~ value ~ ' end' -%}
        {%- endif -%}
        {%- do columns.append('(' ~ value ~ ')::' ~ type ~ ' as ' ~ name) -%}
    {%- endfor -%}
    select {{ columns | join(', ') }}
    from {{ relation }}
{%- endmacro %}

{# The amounts that are summed. #}
{% macro money_amounts() -%}
    {{ return([
        'list_minor', 'discount_minor', 'platform_discount_minor', 'charged_minor',
        'tax_minor', 'fee_minor', 'refunded_minor', 'adjustment_minor', 'paid_out_minor',
    ]) }}
{%- endmacro %}
