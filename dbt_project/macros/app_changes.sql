{# Before a model that follows single bookings: those of which anything was or is on a day
   that their tables changed. History keeps what is gone; what an erasure took from it is
   known by what we made of it. #}
{% macro record_changed_bookings() -%}
    {%- if is_partial() -%}
        insert into ops.changed_units (build_id, model, unit_key)
        with

        changed as (

            {{ changed_instants(['raw.app_bookings', 'raw.app_booking_states']) }}

        )

        select distinct
            {{ build_id() }},
            'raw.app_bookings',
            found.booking_id
        from changed
        cross join lateral (
            select bookings.booking_id
            from raw.app_bookings as bookings
            where
                bookings.requested_at >= changed.starts_at
                and bookings.requested_at < changed.ends_at
            union all
            select bookings.booking_id
            from raw.app_bookings as bookings
            where
                bookings.starts_at >= changed.starts_at
                and bookings.starts_at < changed.ends_at
            union all
            select states.booking_id
            from raw.app_booking_states as states
            where
                states.entered_at >= changed.starts_at
                and states.entered_at < changed.ends_at
            union all
            select made.booking_id
            from {{ this }} as made
            where made.requested_on = changed.day
        ) as found
        on conflict do nothing;

        analyze ops.changed_units
    {%- endif -%}
{%- endmacro %}

{# The days that parents changed, with the instants between which they lie. #}
{% macro changed_instants(parents) -%}
    select
        days.day::date as day,
        {{ day_start('days.day::date') }} as starts_at,
        {{ day_start('days.day::date + 1') }} as ends_at
    from ({{ changed_days_query(parents, 0, 0) }}) as days
{%- endmacro %}

{# Before a model that follows the customers of providers: those of bookings that changed,
   as they were and as they are. #}
{% macro record_changed_customers() -%}
    {%- if is_partial() -%}
        insert into ops.changed_units (build_id, model, unit_key)
        with

        changed as (

            select changed.unit_key as booking_id
            from ops.changed_units as changed
            where changed.build_id = {{ build_id() }} and changed.model = 'bookings'

        )

        select
            {{ build_id() }},
            'bookings.customers',
            {{ customer_key() }}
        from changed
        inner join marts.bookings as bookings using (booking_id)
        where provider_id is not null
        union
        select
            {{ build_id() }},
            'bookings.customers',
            made.customer_key
        from changed
        inner join {{ this }} as made
            on changed.booking_id in (made.first_booking_id, made.second_booking_id)
        on conflict do nothing;

        analyze ops.changed_units
    {%- endif -%}
{%- endmacro %}

{# A customer of a provider, so that both can be read again from the key. #}
{% macro customer_key() -%}
    jsonb_build_array(provider_id, user_id)::text
{%- endmacro %}

{# Rows of customers whose bookings changed: read from the key, so that an index serves. #}
{% macro is_changed_customer() -%}
    {%- if is_partial() -%}
        (provider_id, user_id) in (
            select
                changed.unit_key::jsonb ->> 0,
                changed.unit_key::jsonb ->> 1
            from ops.changed_units as changed
            where
                changed.build_id = {{ build_id() }}
                and changed.model = 'bookings.customers'
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# After the calendar and before models of hours, which ask for changed days before their own
   hooks run: a change of hours that last for days is one of all these days. #}
{% macro record_spanned_days() -%}
    {%- if is_partial() -%}
        insert into ops.changed (build_id, model, day)
        with

        changed as (

            {{ changed_instants(['raw.app_availability']) }}

        )

        select distinct
            {{ build_id() }},
            'raw.app_availability',
            days.day
        from changed
        inner join raw.app_availability as hours
            on hours.starts_at >= changed.starts_at and hours.starts_at < changed.ends_at
        inner join {{ this }} as days
            on days.period_ends_at > hours.starts_at and days.period_starts_at < hours.ends_at
        on conflict do nothing
    {%- endif -%}
{%- endmacro %}

{# The days that parents changed, as literals in order. #}
{% macro changed_day_literals(parents) -%}
    {%- set found = run_query(changed_days_query(parents, 0, 0)) -%}
    {{ return(day_literals(found.columns[0].values())) }}
{%- endmacro %}

{# An instant on one of the days that parents changed; an index of instants serves. #}
{% macro within_changed_days(instant, parents) -%}
    {%- set conditions = [changed_days(reporting_day(instant), parents)] -%}
    {%- if execute and is_partial() -%}
        {%- for days in [changed_day_literals(parents)] if days -%}
            {%- do conditions.append(instant ~ ' >= ' ~ day_start(days[0])) -%}
            {%- do conditions.append(instant ~ ' < ' ~ day_start(days[-1] ~ ' + 1')) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ conditions | join(' and ') }}
{%- endmacro %}

{# What ends on or after the first day that parents changed. #}
{% macro reaches_changed_days(ends, parents, is_day=false) -%}
    {%- set conditions = ['true'] -%}
    {%- if execute and is_partial() -%}
        {%- for days in [changed_day_literals(parents)] if days -%}
            {%- set first = days[0] if is_day else day_start(days[0]) -%}
            {%- do conditions.append(ends ~ ' >= ' ~ first) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ conditions | join(' and ') }}
{%- endmacro %}
