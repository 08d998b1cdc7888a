{# The hits of each step, earliest first, and the entries among them: in order those of the
   first step, in any order every hit. #}
{% macro walks(funnel) -%}
    {%- set is_entry = 'mask & 1 <> 0' if funnel.ordering == 'ordered' else 'true' -%}
    {%- set columns = [] -%}
    {%- for step in range(2 if funnel.ordering == 'ordered' else 1, funnel.step_count + 1) -%}
        {%- do columns.append(
            in_time('moment', 'mask & ' ~ 2 ** (step - 1) ~ ' <> 0') ~ ' as step_' ~ step
        ) -%}
    {%- endfor -%}
    {%- for column in entry_columns(funnel) -%}
        {%- do columns.append(in_time(column, is_entry) ~ ' as entries_' ~ column) -%}
    {%- endfor -%}
    select
        series,
        {{ columns | join(', ') }},
        count(*) > count(distinct moment) or bool_or(mask & (mask - 1) <> 0) as is_open
    from hits
    group by series
{%- endmacro %}

{% macro entry_columns(funnel) -%}
    {{ return(
        ['moment', 'occurred_on']
        + (['mask'] if funnel.ordering == 'any_order' else [])
        + (['hit_value'] if funnel.has_breakdown else [])
    ) }}
{%- endmacro %}

{% macro in_time(column, condition) -%}
    array_agg({{ column }} order by moment) filter (where {{ condition }})
{%- endmacro %}

{# One row per entry and when it reaches each step. Nested, so that what was found is not
   looked up again for every step after it. #}
{% macro entries(funnel) -%}
    {%- set steps = [] -%}
    {%- set columns = ['walks.*'] -%}
    {%- for column in entry_columns(funnel) -%}
        {%- do columns.append('unnest(entries_' ~ column ~ ') as entry_' ~ column) -%}
    {%- endfor -%}
    {%- set found = 'select ' ~ columns | join(', ') ~ ' from walks' -%}
    {%- for step in range(2 if funnel.ordering == 'ordered' else 1, funnel.step_count + 1) -%}
        {%- set from_moment = 'next_' ~ (step - 1)
            if funnel.ordering == 'ordered' and step > 2 else 'entry_moment' -%}
        {%- do steps.append(
            'select *, step_' ~ step ~ '[width_bucket(' ~ from_moment ~ ', step_' ~ step
            ~ ') + 1] as next_' ~ step
        ) -%}
    {%- endfor -%}
    {%- set nested = steps | reverse | join(' from (') -%}
    {{ nested ~ ' from (' if nested else 'select * from (' }}{{ found }}
    {%- for step in steps or [0] %}
    order by series) as entries_{{ loop.index }}
    {%- endfor -%}
{%- endmacro %}

{# Of each funnel, person and day the path of the deepest entry, then the earliest: its
   depth below zero, and when each step was reached. #}
{% macro best_of_day(funnels) -%}
    {%- set funnel = funnels[0] -%}
    {%- set is_ordered = funnel.ordering == 'ordered' -%}
    {%- set times = [] -%}
    {%- set names = [] -%}
    {%- for step in range(2 if is_ordered else 1, funnel.step_count + 1) -%}
        {%- set is_other = '' if is_ordered else ' and entry_mask & ' ~ 2 ** (step - 1) ~ ' = 0' -%}
        {%- do times.append(
            'case when next_' ~ step ~ ' <= entry_moment + window_length' ~ is_other
            ~ ' then next_' ~ step ~ ' end as reached_' ~ step
        ) -%}
        {%- do names.append('reached_' ~ step) -%}
    {%- endfor -%}
    {%- set depth = '1 + num_nonnulls(' ~ names | join(', ') ~ ')' if names else '1' -%}
    {%- set path = ['-(' ~ depth ~ ')', 'entry_moment'] + names -%}
    {%- set columns = [
        'series',
        'entry_occurred_on as entered_on',
        'count(*)::integer as candidate_count',
        'max(entry_moment) + max(window_length) as window_end',
        'bool_or(is_open) as is_open',
        'min(array[' ~ path | join(', ') ~ ']) as path',
    ] -%}
    {%- if funnel.has_breakdown -%}
        {%- do columns.append(
            '(array_agg(entry_hit_value order by -(' ~ depth ~ '), entry_moment))[1]'
            ' as breakdown_value'
        ) -%}
    {%- endif -%}
    select {{ columns | join(', ') }}
    from (
        select
            {{ (['entries.*'] + times) | join(', ') }}
        from (
            select
                entries.*,
                {{ said_by_series(funnels, 'window_length') }} as window_length
            from entries
            where
                entry_moment between {{ said_by_series(funnels, 'first_entry') }}
                and {{ said_by_series(funnels, 'last_entry') }}
        ) as entries
        order by series
    ) as reached
    group by series, entry_occurred_on
{%- endmacro %}
