{# Charges and refunds on the days of one of their dates that this build changed. #}
{% macro money_of_basis(basis) -%}
    {%- set day = basis ~ '_on' -%}
    select
        '{{ basis }}'::text as basis,
        moved.{{ day }} as day,
        moved.*
    from {{ ref('money_movements') }} as moved
    where
        moved.kind in ('payment', 'refund')
        and moved.set_aside_reason is null
        and moved.exclusion is null
        and moved.{{ day }} is not null
        and {{ changed_days('moved.' ~ day, ['money_movements.' ~ basis]) }}
{%- endmacro %}

{# What money adds up to. Each sum goes its own way: that list less discounts is what was
   charged, and so on, is checked and not computed. #}
{% macro revenue_sums() -%}
    coalesce(sum(list_minor), 0)::numeric(38, 0) as list_minor,
    coalesce(sum(discount_minor), 0)::numeric(38, 0) as discount_minor,
    coalesce(sum(platform_discount_minor), 0)::numeric(38, 0) as platform_discount_minor,
    coalesce(sum(charged_minor), 0)::numeric(38, 0) as charged_minor,
    coalesce(sum(refunded_minor), 0)::numeric(38, 0) as refunded_minor,
    coalesce(
        sum(case kind when 'refund' then -stated_minor else stated_minor end), 0
    )::numeric(38, 0) as net_minor,
    coalesce(sum(tax_minor), 0)::numeric(38, 0) as tax_minor,
    coalesce(sum(fee_minor), 0)::numeric(38, 0) as fee_minor,
    coalesce(sum(charged_minor) filter (where is_open), 0)::numeric(38, 0) as open_minor,
    count(*) filter (where kind = 'payment') as payment_count,
    count(*) filter (where kind = 'refund') as refund_count
{%- endmacro %}
