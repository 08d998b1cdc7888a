{# Before a model that follows single bookings: those of which an extract changed anything,
   and those with anything on a day that was touched otherwise. History keeps what is gone;
   what an erasure took from it is known by what we made of it. #}
{% macro record_changed_bookings() -%}
    {%- if is_partial() -%}
        insert into ops.changed_units (build_id, model, unit_key)
        with

        changed as (

            {{ instants_touched_otherwise() }}

        )

        select
            {{ build_id() }},
            'raw.app_bookings',
            bookings.booking_id
        from raw.app_bookings as bookings
        where {{ is_of_claimed_loads('bookings') }}
        union
        select
            {{ build_id() }},
            'raw.app_bookings',
            states.booking_id
        from raw.app_booking_states as states
        where {{ is_of_claimed_loads('states') }}
        union
        select
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
        select
            {{ build_id() }},
            'bookings.customers',
            {{ customer_key() }}
        from {{ changed_units_of('marts.bookings', 'booking_id', ['bookings']) }} as bookings
        where provider_id is not null
        union
        select
            {{ build_id() }},
            'bookings.customers',
            firsts.customer_key
        from {{ changed_units_of(this, 'first_booking_id', ['bookings']) }} as firsts
        union
        select
            {{ build_id() }},
            'bookings.customers',
            seconds.customer_key
        from {{ changed_units_of(this, 'second_booking_id', ['bookings']) }} as seconds
        on conflict do nothing;

        analyze ops.changed_units
    {%- endif -%}
{%- endmacro %}

{# A customer of a provider, so that both can be read again from the key. #}
{% macro customer_key() -%}
    jsonb_build_array(provider_id, user_id)::text
{%- endmacro %}

{# The bookings of customers of whose bookings any changed. #}
{% macro bookings_of_changed_customers() -%}
    {{ changed_rows(
        ref('bookings'),
        {
            'provider_id': '(units.unit_key::jsonb ->> 0)',
            'user_id': '(units.unit_key::jsonb ->> 1)',
        },
        ['bookings.customers']
    ) }}
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

{# An instant on one of the days that parents changed, or so many days around one, as ranges
   of instants: a condition on the day of an instant would have every row read, an index of
   instants serves this one. #}
{% macro within_changed_days(instant, parents, before=0, after=0) -%}
    {%- if execute and is_partial() -%}
        {%- set found = run_query(changed_ranges_query(parents, before, after)) -%}
        {{ is_within_ranges(instant, found.rows) }}
    {%- elif is_partial() -%}
        false
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Holds for instants on the days of the given ranges, and for none when there are none. #}
{% macro is_within_ranges(instant, ranges) -%}
    {%- set parts = ['false'] -%}
    {%- for first_day, last_day in ranges -%}
        {%- do parts.append(
            instant ~ ' >= ' ~ day_start(day_literals([first_day])[0])
            ~ ' and ' ~ instant ~ ' < ' ~ day_start(day_literals([last_day])[0] ~ ' + 1')
        ) -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' or ') ~ ')') }}
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
