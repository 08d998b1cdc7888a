{{ config(
    unique_key=['day', 'basis', 'currency'],
    indexes=[{'columns': ['day', 'basis', 'currency'], 'unique': true}],
) }}

{%- set measures = [
    'list_minor', 'discount_minor', 'platform_discount_minor', 'charged_minor',
    'refunded_minor', 'net_minor', 'tax_minor', 'fee_minor', 'open_minor',
] %}

select
    day,
    basis,
    currency,
    {% for measure in measures -%}
        sum({{ measure }})::numeric(38, 0) as {{ measure }},
    {% endfor -%}
    sum(payment_count)::bigint as payment_count,
    sum(refund_count)::bigint as refund_count
from {{ ref('revenue_daily') }}
where {{ changed_days('day', ['revenue_daily']) }}
group by day, basis, currency
