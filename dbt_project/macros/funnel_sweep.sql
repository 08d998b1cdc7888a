{# The attempts of funnels of which the earliest next row is always the right one, all
   persons and funnels at once. Hits are sorted once and gathered into one array per step;
   from an entry, `width_bucket` finds the nearest later hit of the next step, from there
   that of the one after it, and so on: a later hit never leads to an earlier one.

   What that leaves open (several rows at one time may need their sequence, and a row of two
   steps may be only one of them) is searched for instead, for the person concerned. #}
{% macro swept_attempts(funnels) -%}
    {%- set funnel = funnels[0] -%}
    select
        funnel_id,
        unit_id,
        session_id,
        {{ attempt_columns() }}
    from (
        with units as materialized (

            select
                listed.person_key,
                {{ person_id('listed.person_key') }} as unit_id,
                row_number() over () as unit_number
            from (
                select distinct person_key
                from ({{ person_days_of(funnels) }}) as listed_days
            ) as listed

        ),

        hits as (

            select *
            from ({{ unnested_hits(funnels) }}) as owned
            where {{ funnel.clip_sql }}
            -- A query of its own: columns, and not expressions, may arrive sorted where
            -- there is a filter.
            order by series

        ),

        -- One row per funnel and person.
        walks as (

            {{ walks(funnel) }}

        ),

        entries as (

            {{ entries(funnel) }}

        ),

        best as materialized (

            {{ best_of_day(funnels) }}

        )

        {{ found_attempts(funnels) }}
        union all
        {{ open_attempts(funnels) }}
    ) as swept
{%- endmacro %}

{# The days of persons to sweep. A trial has rows of its own, and no table of persons. #}
{% macro person_days_of(funnels) -%}
    {%- set funnel = funnels[0] -%}
    select days.*
    from {{ '(' ~ hits_of_persons(owned_rows_of(funnel), funnels) ~ ')' if funnel.is_trial
        else ref('int_funnel_persons') }} as days
    where
        days.funnel_number in ({{ funnels | map(attribute='funnel_number') | join(', ') }})
        and {{ funnel_row_scope('days', 'days.funnel_number', funnel) }}
{%- endmacro %}

{# A series is a funnel, above 32 bits, and a person. Sorted as days of persons, which are
   fewer than hits, and said to be so by every query: one that does not, hides it from the
   planner. What is left to sort of a person's hits is next to nothing. #}
{% macro unnested_hits(funnels) -%}
    select
        listed.series,
        listed.occurred_on,
        listed.hit >> 8 as moment,
        {{ instant_of('(listed.hit >> 8)') }} as occurred_at,
        (listed.hit & 255)::integer as mask,
        listed.hit_value
    from (
        select
            (days.funnel_number::bigint << 32) | units.unit_number as series,
            days.occurred_on,
            unnest(days.hits) as hit,
            {{ 'unnest(days.hit_values)' if funnels[0].has_breakdown else 'null::text' }}
                as hit_value
        from ({{ person_days_of(funnels) }}) as days
        inner join units
            on days.person_key = units.person_key
        order by series, occurred_on
    ) as listed
    order by series
{%- endmacro %}

{# What funnels say, looked up by the number of a series: rows that are joined to it lose
   their order. #}
{% macro said_by_series(funnels, column, data_type='bigint') -%}
    {%- set said = {} -%}
    {%- for funnel in funnels -%}
        {%- do said.update({funnel.funnel_number | int: funnel[column]}) -%}
    {%- endfor -%}
    {%- set values = [] -%}
    {%- for number in range(1, said | max + 1) -%}
        {%- do values.append(said.get(number, 0)) -%}
    {%- endfor -%}
    ('{{ '{' ~ values | join(',') ~ '}' }}'::{{ data_type }}[])[series >> 32]
{%- endmacro %}

{# Exact until 2100: so long a double holds every microsecond. #}
{% macro microseconds(instant) -%}
    (date_part('epoch', {{ instant }}) * 1000000)::bigint
{%- endmacro %}

{% macro instant_of(microseconds) -%}
    to_timestamp({{ microseconds }} / 1000000.0::double precision)
{%- endmacro %}

{% macro found_attempts(funnels) -%}
    {%- set funnel = funnels[0] -%}
    select
        best.funnel_id,
        units.unit_id,
        '' as session_id,
        best.entered_on,
        {{ instant_of('best.path[2]') }} as entered_at,
        1 as attempt_number,
        best.candidate_count,
        (-best.path[1])::integer as depth,
        (-best.path[1])::integer as deepest_step,
        -best.path[1] = {{ funnel.step_count }} as is_completed,
        {{ swept_times(funnel) }} as reached_at,
        {{ instant_of('best.window_end') }} as window_ends_at,
        null::timestamptz as excluded_at,
        false as drops_unit,
        false as is_tied,
        {{ 'best.breakdown_value' if funnel.has_breakdown else 'null' }} as breakdown_value
    from (
        select
            best.*,
            {{ said_by_series(funnels, 'funnel_id', 'text') }} as funnel_id
        from best
        where not best.is_open
    ) as best
    inner join units
        on best.series & {{ 2 ** 32 - 1 }} = units.unit_number
    where {{ funnel_entry_scope(
        'best', '(best.series >> 32)::integer', 'units.unit_id', funnel
    ) }}
{%- endmacro %}

{# When each step was reached; in any order, each place. #}
{% macro swept_times(funnel) -%}
    {%- set places = [] -%}
    {%- for step in range(1, funnel.step_count + 1) -%}
        {%- do places.append(instant_of('best.path[' ~ (step + 1) ~ ']')) -%}
    {%- endfor -%}
    {{ '(array[' ~ places | join(', ') ~ '])[:-best.path[1]]'
        if funnel.ordering == 'ordered' else
        'array(select ' ~ instant_of('reached.moment')
        ~ ' from unnest(best.path[2:]) as reached (moment)'
        ~ ' where reached.moment is not null order by reached.moment)' }}
{%- endmacro %}

{# What the sweep leaves open, searched for; where nothing is, rows are not even read. #}
{% macro open_attempts(funnels) -%}
    {%- set condition -%}
        exists (select from best where best.is_open)
        and (grouped.funnel_number, grouped.unit_key) in (
            select
                (best.series >> 32)::integer,
                units.person_key
            from best
            inner join units
                on best.series & {{ 2 ** 32 - 1 }} = units.unit_number
            where best.is_open
        )
    {%- endset -%}
    {{ searched_attempts(funnels, condition) }}
{%- endmacro %}
