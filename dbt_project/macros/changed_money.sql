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
