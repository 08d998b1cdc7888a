{# The CTEs that count the steps of each group, as `stepped`. #}
{% macro stepped_groups() -%}
    entered as (

        select
            group_number,
            max(window_ends_at) as window_ends_at,
            count(*) filter (where not drops_unit) as entry_count,
            count(*) filter (where not drops_unit and is_completed) as completed_count,
            count(*) filter (where not drops_unit and is_excluded) as excluded_count,
            count(*) filter (where drops_unit) as dropped_unit_count,
            count(*) filter (where not drops_unit and is_tied) as tied_count
        from attempts
        group by group_number

    ),

    reached as (

        select
            group_number,
            step_index,
            count(*) as unit_count,
            {{ time_statistics('from_entry') }},
            {{ time_statistics('from_previous') }},
            array_agg(time_bin) as time_bins
        from ({{ reached_steps('attempts') }}) as counted
        group by group_number, step_index

    ),

    -- A step that nobody reached has an explicit zero row.
    stepped as (

        select
            entered.*,
            groups.funnel_id,
            groups.entered_on,
            groups.breakdown,
            groups.group_value as breakdown_value,
            groups.folded_value_count,
            steps.step_index,
            steps.step_name,
            steps.is_optional,
            steps.previous_step_index,
            steps.next_step_index,
            coalesce(reached.unit_count, 0) as unit_count,
            {{ times_in_seconds('from_entry') }},
            {{ times_in_seconds('from_previous') }},
            funnels.histogram(reached.time_bins, plans.time_bin_count) as time_histogram
        from entered
        inner join groups
            on entered.group_number = groups.group_number
        inner join plans
            on groups.funnel_id = plans.funnel_id
        inner join steps
            on groups.funnel_id = steps.funnel_id
        left join reached
            on
                entered.group_number = reached.group_number
                and steps.step_index = reached.step_index

    )
{%- endmacro %}

{# How long it took, in microseconds, of those who got there; between two times lies half
   of the way. #}
{% macro time_statistics(column) -%}
    percentile_cont(array[0.5, 0.75, 0.9]) within group (order by {{ column }})
        as percentiles_{{ column }},
    avg({{ column }}) as mean_{{ column }}
{%- endmacro %}

{% macro times_in_seconds(column) -%}
    {%- set times = [] -%}
    {%- for name in ['median', 'p75', 'p90'] -%}
        {%- do times.append(
            '(reached.percentiles_' ~ column ~ '[' ~ loop.index ~ ']::numeric / 1000000)'
            ~ '::numeric(18, 6) as ' ~ name ~ '_seconds_' ~ column
        ) -%}
    {%- endfor -%}
    {{ times | join(', ') }},
    (reached.mean_{{ column }} / 1000000)::numeric(18, 6) as mean_seconds_{{ column }}
{%- endmacro %}

{% macro time_columns(column) -%}
    median_{{ column }},
    p75_{{ column }},
    p90_{{ column }},
    mean_{{ column }}
{%- endmacro %}

{# One row per attempt and step that its counted path reached, with the times to it. A row
   that ties with an earlier step's takes no time. #}
{% macro reached_steps(attempts) -%}
    select
        group_number,
        step_index,
        from_entry,
        {{ microseconds_between('reached_at[previous_steps[step_index]]', 'moment') }}
            as from_previous,
        least(from_entry * time_bin_count / window_length + 1, time_bin_count)::integer
            as time_bin
    from (
        select
            walked.*,
            {{ microseconds_between('entered_at', 'moment') }} as from_entry
        from (
            select
                attempts.*,
                unnest(reached_at) as moment,
                generate_subscripts(reached_at, 1) as step_index
            from {{ attempts }} as attempts
            where not drops_unit
        ) as walked
        where moment is not null
        offset 0
    ) as timed
{%- endmacro %}

{# Never below zero: rows that tie may stand the other way round. Exact for centuries: so
   long a double holds every microsecond. #}
{% macro microseconds_between(earlier, later) -%}
    (date_part('epoch', greatest({{ later }}, {{ earlier }}) - {{ earlier }}) * 1000000)::bigint
{%- endmacro %}

{# The row of a neighbouring required step of the same group. #}
{% macro step_beside(relation, column, name) -%}
    left join {{ relation }} as {{ name }}
        on
            {{ relation }}.group_number = {{ name }}.group_number
            and {{ relation }}.{{ column }} = {{ name }}.step_index
{%- endmacro %}
