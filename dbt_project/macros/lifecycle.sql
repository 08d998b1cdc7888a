{# The CTEs up to `states`: every unit that was active in a period or in the one before,
   and whether it is new there. Of a build, the periods that its changes reach. Each day
   tells its own period and the next, and all that is told of a unit is hashed once. #}
{% macro lifecycle_states(lifecycles, parents) -%}
    days as (

        {{ unit_days(days_near_changed('day', parents)) }}

    ),

    spans as (

        select
            {{ lifecycles }}.*,
            listed.day,
            periods.first_on,
            {{ period_after(lifecycles ~ '.period', 'periods.first_on', 1) }} as next_first_on
        from {{ lifecycles }}
        cross join (select distinct day from days) as listed
        cross join lateral (
            select {{ period_first_day(lifecycles ~ '.period', 'listed.day',
                lifecycles ~ '.week_starts') }} as first_on
        ) as periods
        where
            {{ rests_on_changed(
                period_after(lifecycles ~ '.period', 'periods.first_on', -1),
                period_after(lifecycles ~ '.period', 'periods.first_on', 2), parents) }}

    ),

    active as (

        select
            spans.lifecycle_id,
            spans.period,
            told.first_on,
            days.unit_id,
            told.is_active,
            not told.is_active as was_active,
            false as is_new
        from spans
        inner join days
            on
                spans.day = days.day
                and spans.kind = days.kind
                and spans.id = days.id
                and spans.part = days.part
        cross join lateral (
            values (spans.first_on, true), (spans.next_first_on, false)
        ) as told (first_on, is_active)

    ),

    news as (

        select
            {{ lifecycles }}.lifecycle_id,
            {{ lifecycles }}.period,
            {{ period_first_day(lifecycles ~ '.period', 'firsts.first_on',
                lifecycles ~ '.week_starts') }} as first_on,
            firsts.unit_id,
            false as is_active,
            false as was_active,
            true as is_new
        from {{ lifecycles }}
        inner join {{ ref('person_firsts') }} as firsts
            on
                case
                    when {{ lifecycles }}.new_by = 'profile_creation' then 'lifecycle'
                    else {{ lifecycles }}.kind
                end = firsts.kind
                and case
                    when {{ lifecycles }}.new_by = 'profile_creation'
                        then {{ lifecycles }}.lifecycle_id
                    else {{ lifecycles }}.id
                end = firsts.id
                and case
                    when {{ lifecycles }}.new_by = 'profile_creation' then 2
                    else {{ lifecycles }}.part
                end = firsts.part
        where {{ days_near_changed('firsts.first_on', parents) }}

    ),

    states as (

        select
            lifecycle_id,
            period,
            first_on,
            unit_id,
            bool_or(is_active) as is_active,
            bool_or(was_active) as was_active,
            bool_or(is_new) as is_new
        from (
            select * from active
            union all
            select * from news
        ) as told
        group by lifecycle_id, period, first_on, unit_id
        having bool_or(is_active or was_active)

    )
{%- endmacro %}

{# Days in the months of changed days and the month before and after each: whatever a
   period of a lifecycle can rest on. #}
{% macro days_near_changed(column, parents) -%}
    {%- if execute and is_partial() -%}
        {%- set found = run_query(near_changed_query(parents)) -%}
        {{ is_in_ranges(column, found.rows) }}
    {%- elif is_partial() -%}
        false
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Holds in the given ranges of days, and in none when there are none. #}
{% macro is_in_ranges(column, ranges) -%}
    {%- set parts = ['false'] -%}
    {%- for first_day, last_day in ranges -%}
        {%- do parts.append(
            column ~ ' between ' ~ day_literals([first_day])[0]
            ~ ' and ' ~ day_literals([last_day])[0]
        ) -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' or ') ~ ')') }}
{%- endmacro %}

{% macro near_changed_query(parents) -%}
    select
        (date_trunc('month', day::timestamp) - interval '1 month 7 days')::date::text,
        (date_trunc('month', day::timestamp) + interval '2 months 6 days')::date::text
    from (
        select distinct date_trunc('month', day::timestamp)::date as day
        from ops.changed
        where
            build_id = {{ build_id() }}
            and model in ('*', '{{ parents | join("', '") }}')
    ) as months
    order by 1
{%- endmacro %}
