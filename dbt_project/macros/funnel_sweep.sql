{# The attempts of funnels of which the earliest next row is always the right one, all
   persons and funnels at once: hits sorted once, the latest first, and running minima over
   them, one window per step.

   A hit is two numbers: funnel and person; microseconds and, in the lower eight bits, the
   mask of its steps. So of rows at one time that of the latest step comes first. What that
   leaves open (several rows at one time may need their sequence, and a row of two steps
   may be only one of them) is searched for instead, for the day and person concerned. #}
{% macro swept_attempts(funnels) -%}
    {%- set funnel = funnels[0] -%}
    select
        funnel_id,
        unit_id,
        session_id,
        {{ attempt_columns() }}
    from (
        with persons as (

            {{ persons_of_funnel(funnel) }}

        ),

        units as materialized (

            select
                listed.person_key,
                {{ person_id('listed.person_key') }} as unit_id,
                row_number() over () as unit_number
            from persons as listed

        ),

        plans as materialized (

            {{ listed_sweeps(funnels) }}

        ),

        hits as (

            select {{ swept_columns(funnel) | join(', ') }}
            from ({{ owned_rows_of(funnel) }}) as owned
            inner join units
                on owned.person_key = units.person_key
            cross join lateral unnest(owned.hits) as hits (hit)
            where
                {{ is_hit_of(funnels) }}
                and {{ funnel_row_scope('owned', funnel) }}
                and {{ funnel.clip_sql }}

        ),

        {{ sweeps(funnel) }},

        best as materialized (

            {{ best_of_day(funnel) }}

        )

        {{ found_attempts(funnel) }}
        union all
        {{ open_attempts(funnels) }}
    ) as swept
{%- endmacro %}

{# A hit, with what is read off an entry where the funnel is split by it. #}
{% macro swept_columns(funnel) -%}
    {%- set columns = [
        '((hits.hit >> 32) << 32) | units.unit_number as series',
        '(' ~ microseconds('owned.occurred_at') ~ ' << 8) | (hits.hit & 255) as hit',
        'owned.occurred_on',
    ] -%}
    {%- if funnel.has_breakdown -%}
        {%- do columns.append(
            'case when ' ~ is_entry(funnel, 'hits.hit') ~ ' then '
            "owned.subjects -> (hits.hit >> 32)::text ->> 'by' end as breakdown_value"
        ) -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}

{# In any order, an attempt may begin with any step. #}
{% macro is_entry(funnel, hit) -%}
    {{ return(hit ~ ' & 1 <> 0' if funnel.ordering == 'ordered' else 'true') }}
{%- endmacro %}

{# The persons to sweep. A trial has rows of its own, and no table of persons. #}
{% macro persons_of_funnel(funnel) -%}
    select distinct owned.person_key
    from {{ '(' ~ owned_rows_of(funnel) ~ ')' if funnel.is_trial
        else ref('int_funnel_persons') }} as owned
    where {{ funnel_row_scope('owned', funnel) }}
{%- endmacro %}

{# What the sweep needs of each funnel. #}
{% macro listed_sweeps(funnels) -%}
    {%- set plans = [] -%}
    {%- for funnel in funnels -%}
        {%- do plans.append(
            '(' ~ funnel.funnel_number ~ ", '" ~ funnel.funnel_id ~ "', "
            ~ funnel.window_seconds ~ ' * 1000000::bigint, '
            ~ microseconds(funnel.from_sql) ~ ', ' ~ microseconds(funnel.to_sql) ~ ')'
        ) -%}
    {%- endfor -%}
    select *
    from (values {{ plans | join(', ') }}) as listed (
        funnel_number, funnel_id, window_length, entries_from, entries_to
    )
{%- endmacro %}

{# Exact until 2100: so long a double holds every microsecond. #}
{% macro microseconds(instant) -%}
    (date_part('epoch', {{ instant }}) * 1000000)::bigint
{%- endmacro %}

{% macro instant_of(microseconds) -%}
    to_timestamp({{ microseconds }} / 1000000.0::double precision)
{%- endmacro %}

{# The running minima, over windows that nest. In order: of the last step the nearest hit from
   here on, then without that step's hits of the step before, with what follows it there, and
   so on; since a later hit never leads to an earlier one, each is a minimum of its own. In
   any order: the nearest hit of every step. #}
{% macro sweeps(funnel) -%}
    {%- set last = funnel.step_count -%}
    {%- set is_ordered = funnel.ordering == 'ordered' -%}
    {%- for number in range(1, sweep_count(funnel) + 1) -%}
        {%- set columns = ['*'] -%}
        {%- if is_ordered and number < last -%}
            {%- do columns.extend(nexts_of_step(last - number + 1, last)) -%}
        {%- elif number == 1 and not is_ordered -%}
            {%- for step in range(1, last + 1) -%}
                {%- do columns.append(nearest_hit('hit', step, step)) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if number == 1 -%}
            {%- do columns.append(
                'coalesce(lag(hit) over walk >> 8 = hit >> 8, false) '
                'or (hit & 255) & ((hit & 255) - 1) <> 0 as is_open_here'
            ) -%}
        {%- elif number == 2 -%}
            {%- do columns.append('bool_or(is_open_here) over walk as is_open') -%}
        {%- endif -%}
        {%- set steps = [last - number + 1, 1] | max if is_ordered else last -%}
        {{ sweep(number, columns, steps) }}
        {%- if not loop.last %},

        {% endif %}
    {%- endfor -%}
{%- endmacro %}

{% macro sweep_count(funnel) -%}
    {{ return([2, funnel.step_count - 1 if funnel.ordering == 'ordered' else 2] | max) }}
{%- endmacro %}

{# What the hits from here on know, gathered into the nearest of a step. #}
{% macro nexts_of_step(step, last) -%}
    {%- set columns = [nearest_hit('hit', step, step)] -%}
    {%- for end in range(step + 1, last + 1) -%}
        {%- do columns.append(nearest_hit('next_' ~ (step + 1) ~ '_' ~ end, step, end)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# One window over the hits of the first steps. #}
{% macro sweep(number, columns, steps) -%}
    sweep_{{ number }} as (

        select {{ columns | join(', ') }}
        from {{ 'hits' if number == 1 else 'sweep_' ~ (number - 1) }}
        where hit & {{ 2 ** steps - 1 }} <> 0
        window walk as (
            partition by series order by hit desc
            rows between unbounded preceding and current row
        )

    )
{%- endmacro %}

{% macro nearest_hit(column, step, end) -%}
    min({{ column }}) filter (where hit & {{ 2 ** (step - 1) }} <> 0) over walk
        as next_{{ step }}_{{ end }}
{%- endmacro %}

{# Of each funnel, person and day the path of the deepest entry, then the earliest: its
   depth below zero, and when each step was reached. #}
{% macro best_of_day(funnel) -%}
    {%- set is_ordered = funnel.ordering == 'ordered' -%}
    {%- set times = [] -%}
    {%- set names = [] -%}
    {%- for step in range(2 if is_ordered else 1, funnel.step_count + 1) -%}
        {%- set column = 'next_2_' ~ step if is_ordered else 'next_' ~ step ~ '_' ~ step -%}
        {%- set is_other = '' if is_ordered else ' and hit & ' ~ 2 ** (step - 1) ~ ' = 0' -%}
        {%- do times.append(
            'case when ' ~ column ~ ' >> 8 <= (hit >> 8) + plans.window_length'
            ~ is_other ~ ' then ' ~ column ~ ' >> 8 end as reached_' ~ step
        ) -%}
        {%- do names.append('reached_' ~ step) -%}
    {%- endfor -%}
    {%- set depth = '1 + num_nonnulls(' ~ names | join(', ') ~ ')' if names else '1' -%}
    {%- set path = ['-(' ~ depth ~ ')', 'entered'] + names -%}
    {%- set columns = [
        'series',
        'occurred_on as entered_on',
        'count(*)::integer as candidate_count',
        'max(entered) + max(window_length) as window_end',
        'bool_or(is_open) as is_open',
        'min(array[' ~ path | join(', ') ~ ']) as path',
    ] -%}
    {%- if funnel.has_breakdown -%}
        {%- do columns.append(
            '(array_agg(breakdown_value order by -(' ~ depth ~ '), entered))[1]'
            ' as breakdown_value'
        ) -%}
    {%- endif -%}
    select {{ columns | join(', ') }}
    from (
        select
            sweep.*,
            sweep.hit >> 8 as entered,
            {{ (times + ['plans.window_length']) | join(', ') }}
        from sweep_{{ sweep_count(funnel) }} as sweep
        inner join plans
            on sweep.series >> 32 = plans.funnel_number
        where
            {{ is_entry(funnel, 'sweep.hit') }}
            and sweep.hit >> 8 between plans.entries_from and plans.entries_to
    ) as entries
    group by series, occurred_on
{%- endmacro %}

{% macro found_attempts(funnel) -%}
    select
        plans.funnel_id,
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
    {{ entries_of_best() }}
        not best.is_open
        and {{ funnel_entry_scope('best', 'units.unit_id', funnel) }}
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

{# What the sweep leaves open, searched for. #}
{% macro open_attempts(funnels) -%}
    {%- set condition -%}
        (grouped.funnel_number, grouped.unit_key) in (
            select plans.funnel_number, units.person_key {{ entries_of_best() }} best.is_open
        )
    {%- endset -%}
    select
        searched.funnel_id,
        searched.unit_id,
        searched.session_id,
        {{ attempt_columns('searched.') }}
    from ({{ searched_attempts(funnels, condition) }}) as searched
    inner join (
        select plans.funnel_id, units.unit_id, best.entered_on
        {{ entries_of_best() }} best.is_open
    ) as opened
        on
            searched.funnel_id = opened.funnel_id
            and searched.unit_id = opened.unit_id
            and searched.entered_on = opened.entered_on
{%- endmacro %}

{% macro entries_of_best() -%}
    from best
    inner join units
        on best.series & {{ 2 ** 32 - 1 }} = units.unit_number
    inner join plans
        on best.series >> 32 = plans.funnel_number
    where
{%- endmacro %}
