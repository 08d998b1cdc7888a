{# The CTEs that say which attempts of the changed days count in which group, as `attempts`:
   in all, and in that of their value or of what that is folded into. #}
{% macro split_attempts() -%}
    -- Views of the registry, read once: evaluated for every row, they took minutes.
    plans as materialized (

        select * from {{ source('registry', 'funnel_plans') }}

    ),

    steps as materialized (

        select * from {{ source('registry', 'funnel_steps') }}

    ),

    -- By step, the required step before it.
    earlier_steps as (

        select
            funnel_id,
            array_agg(previous_step_index order by step_index) as previous_steps
        from steps
        group by funnel_id

    ),

    counted_attempts as (

        select
            attempts.*,
            plans.breakdown_top,
            plans.has_breakdown,
            plans.time_bin_count,
            plans.window_seconds * 1000000 as window_length,
            earlier_steps.previous_steps
        from {{ ref('funnel_attempts') }} as attempts
        inner join plans
            on attempts.funnel_id = plans.funnel_id
        inner join earlier_steps
            on attempts.funnel_id = earlier_steps.funnel_id
        where {{ changed_days('attempts.entered_on', ['funnel_attempts']) }}

    ),

    -- The values of a day by their entries; those beyond the first few are folded into one.
    ranked as (

        select
            funnel_id,
            entered_on,
            breakdown_value,
            row_number() over (
                partition by funnel_id, entered_on
                order by count(*) desc, breakdown_value collate "C" asc nulls last
            ) > breakdown_top as is_folded
        from counted_attempts
        where has_breakdown
        group by funnel_id, entered_on, breakdown_value, breakdown_top

    ),

    split as (

        select
            counted_attempts.*,
            'total' as breakdown
        from counted_attempts
        union all
        select
            attempts.*,
            case
                when ranked.is_folded then 'other'
                when attempts.breakdown_value is null then 'missing'
                else 'value'
            end as breakdown
        from counted_attempts as attempts
        inner join ranked
            on
                attempts.funnel_id = ranked.funnel_id
                and attempts.entered_on = ranked.entered_on
                and attempts.breakdown_value is not distinct from ranked.breakdown_value

    ),

    -- Groups have numbers: sorting by what they are called took longer than counting.
    attempts as (

        select
            dense_rank() over (
                order by
                    funnel_id,
                    entered_on,
                    breakdown,
                    case when breakdown = 'value' then breakdown_value else '' end
            ) as group_number,
            funnel_id,
            entered_on,
            breakdown,
            case when breakdown = 'value' then breakdown_value else '' end as breakdown_value,
            case
                when breakdown = 'other' then coalesce('value ' || breakdown_value, 'missing')
            end as folded_value,
            entered_at,
            is_completed,
            not is_completed and excluded_at is not null as is_excluded,
            drops_unit,
            is_tied,
            reached_at,
            window_ends_at,
            previous_steps,
            time_bin_count,
            window_length
        from split

    )
{%- endmacro %}

{# The CTEs that count the steps of each group, as `stepped`. #}
{% macro stepped_groups(group_key) -%}
    entered as (

        select
            group_number,
            {{ group_key }},
            max(window_ends_at) as window_ends_at,
            count(*) filter (where not drops_unit) as entry_count,
            count(*) filter (where not drops_unit and is_completed) as completed_count,
            count(*) filter (where not drops_unit and is_excluded) as excluded_count,
            count(*) filter (where drops_unit) as dropped_unit_count,
            count(*) filter (where not drops_unit and is_tied) as tied_count,
            count(distinct folded_value) as folded_value_count
        from attempts
        group by group_number, {{ group_key }}

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
        inner join plans
            on entered.funnel_id = plans.funnel_id
        inner join steps
            on entered.funnel_id = steps.funnel_id
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
        from_previous,
        least(from_entry * time_bin_count / window_length + 1, time_bin_count)::integer
            as time_bin
    from (
        select
            counted.group_number,
            counted.time_bin_count,
            counted.window_length,
            reached.step_index,
            {{ microseconds_between('counted.entered_at', 'reached.moment') }} as from_entry,
            {{ microseconds_between(
                'counted.reached_at[reached.previous_step]', 'reached.moment'
            ) }} as from_previous
        from {{ attempts }} as counted
        cross join lateral unnest(counted.reached_at, counted.previous_steps)
        with ordinality as reached (moment, previous_step, step_index)
        where
            not counted.drops_unit
            and reached.moment is not null
    ) as walked
{%- endmacro %}

{# Never below zero: rows that tie may stand the other way round. #}
{% macro microseconds_between(earlier, later) -%}
    {{ microseconds('greatest(' ~ later ~ ', ' ~ earlier ~ ')') }} - {{ microseconds(earlier) }}
{%- endmacro %}

{# The row of a neighbouring required step. #}
{% macro step_beside(relation, column, name) -%}
    left join {{ relation }} as {{ name }}
        on
            {{ relation }}.funnel_id = {{ name }}.funnel_id
            and {{ relation }}.entered_on = {{ name }}.entered_on
            and {{ relation }}.breakdown = {{ name }}.breakdown
            and {{ relation }}.breakdown_value = {{ name }}.breakdown_value
            and {{ relation }}.{{ column }} = {{ name }}.step_index
{%- endmacro %}
