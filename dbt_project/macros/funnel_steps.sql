{# The CTEs that say which attempts of the changed days count in which group, as `attempts`:
   in all, and in that of their value or what their value is folded into. #}
{% macro split_attempts() -%}
    -- Views of the registry, read once: evaluated for every row, they took minutes.
    plans as materialized (

        select * from {{ source('registry', 'funnel_plans') }}

    ),

    steps as materialized (

        select * from {{ source('registry', 'funnel_steps') }}

    ),

    counted_attempts as (

        select
            attempts.*,
            plans.breakdown_top,
            plans.has_breakdown
        from {{ ref('funnel_attempts') }} as attempts
        inner join plans
            on attempts.funnel_id = plans.funnel_id
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
            attempts.*,
            coalesce(ranked.is_folded, false) as is_folded,
            splits.breakdown
        from counted_attempts as attempts
        left join ranked
            on
                attempts.funnel_id = ranked.funnel_id
                and attempts.entered_on = ranked.entered_on
                and attempts.breakdown_value is not distinct from ranked.breakdown_value
        cross join lateral (
            values
            ('total'),
            (
                case
                    when ranked.is_folded then 'other'
                    when attempts.breakdown_value is null then 'missing'
                    else 'value'
                end
            )
        ) as splits (breakdown)
        where splits.breakdown = 'total' or attempts.has_breakdown

    ),

    attempts as (

        select
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
            window_ends_at
        from split

    )
{%- endmacro %}

{# The CTEs that count the steps of each group, as `stepped`. #}
{% macro stepped_groups(group_key) -%}
    entered as (

        select
            {{ group_key }},
            max(window_ends_at) as window_ends_at,
            count(*) filter (where not drops_unit) as entry_count,
            count(*) filter (where not drops_unit and is_completed) as completed_count,
            count(*) filter (where not drops_unit and is_excluded) as excluded_count,
            count(*) filter (where drops_unit) as dropped_unit_count,
            count(*) filter (where not drops_unit and is_tied) as tied_count,
            count(distinct folded_value) as folded_value_count
        from attempts
        group by {{ group_key }}

    ),

    reached as (

        select
            {{ group_key }},
            attempts.step_index,
            count(*) as unit_count,
            {{ time_statistics('seconds_from_entry') }},
            {{ time_statistics('seconds_from_previous') }},
            array_agg(attempts.time_bin) as time_bins
        from ({{ reached_steps('attempts') }}) as attempts
        group by {{ group_key }}, attempts.step_index

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
            {{ time_columns('seconds_from_entry', 'reached') }},
            {{ time_columns('seconds_from_previous', 'reached') }},
            funnels.histogram(reached.time_bins, plans.time_bin_count) as time_histogram
        from entered
        inner join plans
            on entered.funnel_id = plans.funnel_id
        inner join steps
            on entered.funnel_id = steps.funnel_id
        left join reached
            on
                entered.funnel_id = reached.funnel_id
                and entered.entered_on = reached.entered_on
                and entered.breakdown = reached.breakdown
                and entered.breakdown_value = reached.breakdown_value
                and steps.step_index = reached.step_index

    )
{%- endmacro %}

{# How long it took, of those who got there; between two times lies half of the way. #}
{% macro time_statistics(column) -%}
    ({{ percentile(column, 0.5) }})::numeric(18, 6) as median_{{ column }},
    ({{ percentile(column, 0.75) }})::numeric(18, 6) as p75_{{ column }},
    ({{ percentile(column, 0.9) }})::numeric(18, 6) as p90_{{ column }},
    avg({{ column }})::numeric(18, 6) as mean_{{ column }}
{%- endmacro %}

{% macro time_columns(column, relation=none) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {{ prefix }}median_{{ column }},
    {{ prefix }}p75_{{ column }},
    {{ prefix }}p90_{{ column }},
    {{ prefix }}mean_{{ column }}
{%- endmacro %}

{# One row per attempt and step that its counted path reached, with the times to it. A row
   that ties with an earlier step's takes no time. #}
{% macro reached_steps(attempts) -%}
    select
        counted.funnel_id,
        counted.entered_on,
        counted.breakdown,
        counted.breakdown_value,
        steps.step_index,
        times.seconds_from_entry,
        times.seconds_from_previous,
        least(
            width_bucket(
                times.seconds_from_entry, 0, plans.window_seconds, plans.time_bin_count
            ),
            plans.time_bin_count
        ) as time_bin
    from {{ attempts }} as counted
    inner join plans
        on counted.funnel_id = plans.funnel_id
    inner join steps
        on
            counted.funnel_id = steps.funnel_id
            and counted.reached_at[steps.step_index] is not null
    cross join lateral (
        select
            {{ seconds_between('counted.entered_at', 'counted.reached_at[steps.step_index]') }}
                as seconds_from_entry,
            {{ seconds_between(
                'counted.reached_at[steps.previous_step_index]',
                'counted.reached_at[steps.step_index]'
            ) }} as seconds_from_previous
    ) as times
    where not counted.drops_unit
{%- endmacro %}

{# Never below zero: rows that tie may stand the other way round. #}
{% macro seconds_between(earlier, later) -%}
    extract(
        epoch from greatest({{ later }}, {{ earlier }}) - {{ earlier }}
    )::numeric(18, 6)
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
