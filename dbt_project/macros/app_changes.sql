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

{# An instant on one of the days that parents changed, or so many days around them; each run
   of days is one range, so that an index of instants serves. #}
{% macro within_changed_days(instant, parents, before=0, after=0) -%}
    {%- set found = changed_runs(parents, before, after) -%}
    {%- set ranges = ['true' if found is none else 'false'] -%}
    {%- for first, last in found or [] -%}
        {%- set days = day_literals([first, last]) -%}
        {%- do ranges.append(
            '(' ~ instant ~ ' >= ' ~ day_start(days[0])
            ~ ' and ' ~ instant ~ ' < ' ~ day_start(days[-1] ~ ' + 1') ~ ')'
        ) -%}
    {%- endfor -%}
    ({{ ranges | join(' or ') }})
{%- endmacro %}

{# The runs of changed days; none outside of builds, where every day changed. #}
{% macro changed_runs(parents, before, after) -%}
    {%- if is_partial() -%}
        {{ return(run_query(changed_runs_query(parents, before, after)).rows) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# Each run of changed days by its first and last. #}
{% macro changed_runs_query(parents, before, after) -%}
    select
        min(numbered.day)::text as first_day,
        max(numbered.day)::text as last_day
    from (
        select
            days.day::date as day,
            days.day::date - row_number() over (order by days.day::date)::integer as run
        from ({{ changed_days_query(parents, before, after) }}) as days
    ) as numbered
    group by numbered.run
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
