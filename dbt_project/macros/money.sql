{# Currencies of ISO 4217; an amount in any other is listed, never summed. #}
{% macro is_known_currency(currency) -%}
    {%- set codes = 'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND '
        ~ 'BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK '
        ~ 'DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF '
        ~ 'IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP '
        ~ 'LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN '
        ~ 'NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR '
        ~ 'SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD '
        ~ 'TZS UAH UGX USD UYI UYU UYW UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW '
        ~ 'ZWG' -%}
    ({{ currency }} = any(string_to_array('{{ codes }}', ' ')))
{%- endmacro %}

{# The currency in which sums over currencies are told. #}
{% macro reporting_currency() -%}
    {%- set currency = env_var('DAYBOOK_REPORTING_CURRENCY', 'EUR') -%}
    {%- if not modules.re.fullmatch('[A-Z]{3}', currency) -%}
        {{ exceptions.raise_compiler_error('DAYBOOK_REPORTING_CURRENCY names no currency') }}
    {%- endif -%}
    '{{ currency }}'
{%- endmacro %}

{# What all the money of one order goes by. #}
{% macro order_key(rows) -%}
    coalesce(
        'booking ' || {{ rows }}.booking_id,
        'order ' || {{ rows }}.order_id,
        'payment ' || {{ rows }}.payment_id
    )
{%- endmacro %}

{# Whether money was captured, or only tried. #}
{% macro is_captured(rows) -%}
    ({{ rows }}.paid_at is not null and {{ rows }}.state not in ('failed', 'pending'))
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

{# Before money is looked at again: the orders of which the claimed loads changed
   anything, and those that have money on days touched otherwise, as erasures do. #}
{% macro claim_changed_orders() -%}
    {%- if is_partial() -%}
        insert into ops.changed_units (build_id, model, unit_key)
        with

        changed_payments as (

            select {{ order_key('payments') }} as order_key, payments.payment_id
            from raw.app_payments as payments
            where {{ is_of_claimed_loads('payments') }}

        ),

        keys as (

            select order_key from changed_payments
            union all
            select 'refund ' || refunds.refund_id
            from changed_payments
            {{ joined_rows(
                'raw.app_refunds', 'refunds', 'payment_id', 'changed_payments.payment_id'
            ) }}
            union all
            select unnest(array['refund ' || refunds.refund_id, {{ order_key('payments') }}])
            from raw.app_refunds as refunds
            left join lateral (
                select known.*
                from raw.app_payments as known
                where known.payment_id = refunds.payment_id
                offset 0
            ) as payments on true
            where {{ is_of_claimed_loads('refunds') }}
            union all
            select 'booking ' || bookings.booking_id
            from raw.app_bookings as bookings
            where {{ is_of_claimed_loads('bookings') }}
            union all
            select 'booking ' || states.booking_id
            from raw.app_booking_states as states
            where states.state = 'paid' and {{ is_of_claimed_loads('states') }}
            union all
            select 'order ' || tickets.order_id
            from raw.app_tickets as tickets
            where {{ is_of_claimed_loads('tickets') }}
            union all
            select 'order ' || tickets.order_id
            from raw.app_occasions as occasions
            {{ joined_rows(
                'raw.app_tickets', 'tickets', 'occasion_id', 'occasions.occasion_id',
                'valid_to is null'
            ) }}
            where {{ is_of_claimed_loads('occasions') }}
            union all
            select 'payout ' || payouts.payout_id
            from raw.app_payouts as payouts
            where {{ is_of_claimed_loads('payouts') }}
            union all
            select made.order_key
            from {{ this }} as made
            where {{ has_days_touched_otherwise(
                ['made.moved_on', 'made.booked_on', 'made.service_on', 'made.cash_on']
            ) }}

        )

        select distinct
            {{ build_id() }}::bigint,
            'raw.app_payments',
            order_key
        from keys
        where order_key is not null
        on conflict do nothing;

        analyze ops.changed_units;

        {{ record_money_days() }};

        {{ claim_payouts_of_changed() }}
    {%- endif -%}
{%- endmacro %}

{# Before and after: the days, of each kind, on which revenue counts what changes. #}
{% macro record_money_days() -%}
    {%- if is_partial() -%}
        insert into ops.changed (build_id, model, day)
        select distinct
            {{ build_id() }}::bigint,
            '{{ this.name }}.' || counted.basis,
            counted.day
        from {{ changed_units_of(this, 'order_key', ['raw.app_payments']) }} as made
        cross join lateral (
            values
            ('booked', made.booked_on), ('service', made.service_on), ('cash', made.cash_on)
        ) as counted (basis, day)
        where counted.day is not null
        on conflict do nothing
    {%- endif -%}
{%- endmacro %}

{# Before and after: the payouts whose period holds money that changes. #}
{% macro claim_payouts_of_changed() -%}
    {%- if is_partial() -%}
        insert into ops.changed_units (build_id, model, unit_key)
        with

        moved as (

            select distinct
                provider_id,
                payout_id,
                cash_on
            from {{ changed_units_of(this, 'order_key', ['raw.app_payments']) }} as made

        )

        select
            {{ build_id() }}::bigint,
            'raw.app_payouts',
            payouts.payout_id
        from moved
        cross join lateral (
            select told.payout_id
            from raw.app_payouts as told
            where
                told.provider_id = moved.provider_id
                and told.period_ends_on >= moved.cash_on
                and told.period_starts_on <= moved.cash_on
                and told.valid_to is null
            offset 0
        ) as payouts
        union
        select
            {{ build_id() }}::bigint,
            'raw.app_payouts',
            moved.payout_id
        from moved
        where moved.payout_id is not null
        union
        select
            {{ build_id() }}::bigint,
            'raw.app_payouts',
            substr(changed.unit_key, 8)
        from ops.changed_units as changed
        where
            changed.build_id = {{ build_id() }}
            and changed.model = 'raw.app_payments'
            and starts_with(changed.unit_key, 'payout ')
        on conflict do nothing;

        analyze ops.changed_units
    {%- endif -%}
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
