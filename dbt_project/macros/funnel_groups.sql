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

    changed_attempts as not materialized (

        select attempts.*
        from {{ ref('funnel_attempts') }} as attempts
        where
            {{ changed_days('attempts.entered_on', ['funnel_attempts']) }}
            or {{ is_of_changed_funnel('attempts.funnel_id') }}

    ),

    -- Who leaves for one session or attempt of a day leaves with the others of that day.
    leaving as materialized (

        select distinct
            funnel_id,
            entered_on,
            unit_id
        from changed_attempts
        where drops_unit

    ),

    counted_attempts as not materialized (

        select
            attempts.*,
            leaving.unit_id is not null as is_left
        from changed_attempts as attempts
        left join leaving
            on
                attempts.funnel_id = leaving.funnel_id
                and attempts.entered_on = leaving.entered_on
                and attempts.unit_id = leaving.unit_id

    ),

    -- The values of a day by their entries; those beyond the first few are folded into one.
    ranked as (

        select
            attempts.funnel_id,
            attempts.entered_on,
            attempts.breakdown_value,
            row_number() over (
                partition by attempts.funnel_id, attempts.entered_on
                order by count(*) desc, attempts.breakdown_value collate "C" asc nulls last
            ) > plans.breakdown_top as is_folded
        from changed_attempts as attempts
        inner join plans
            on attempts.funnel_id = plans.funnel_id
        where plans.has_breakdown
        group by
            attempts.funnel_id, attempts.entered_on, attempts.breakdown_value,
            plans.breakdown_top

    ),

    split as materialized (

        select
            funnel_id,
            entered_on,
            breakdown_value,
            case
                when is_folded then 'other'
                when breakdown_value is null then 'missing'
                else 'value'
            end as breakdown,
            case when not is_folded then coalesce(breakdown_value, '') else '' end
                as group_value
        from ranked

    ),

    -- Groups have numbers: sorting by what they are called took longer than counting.
    groups as materialized (

        select
            row_number() over () as group_number,
            listed.*,
            plans.time_bin_count,
            plans.window_length,
            earlier_steps.previous_steps
        from (
            select
                funnel_id,
                entered_on,
                'total' as breakdown,
                '' as group_value,
                0 as folded_value_count
            from changed_attempts
            group by funnel_id, entered_on
            union all
            select
                funnel_id,
                entered_on,
                breakdown,
                group_value,
                case when breakdown = 'other' then count(*) else 0 end
                    as folded_value_count
            from split
            group by funnel_id, entered_on, breakdown, group_value
        ) as listed
        inner join plans
            on listed.funnel_id = plans.funnel_id
        inner join earlier_steps
            on listed.funnel_id = earlier_steps.funnel_id

    ),

    -- Read twice rather than stored: an attempt is wide.
    attempts as not materialized (

        select
            {{ attempts_of_group() }}
        from counted_attempts as attempts
        inner join groups
            on
                attempts.funnel_id = groups.funnel_id
                and attempts.entered_on = groups.entered_on
        where groups.breakdown = 'total'
        union all
        select
            {{ attempts_of_group() }}
        from counted_attempts as attempts
        inner join split
            on
                attempts.funnel_id = split.funnel_id
                and attempts.entered_on = split.entered_on
                and attempts.breakdown_value is not distinct from split.breakdown_value
        inner join groups
            on
                split.funnel_id = groups.funnel_id
                and split.entered_on = groups.entered_on
                and split.breakdown = groups.breakdown
                and split.group_value = groups.group_value

    )
{%- endmacro %}

{# What is counted of an attempt, and by what. #}
{% macro attempts_of_group() -%}
    groups.group_number,
    groups.time_bin_count,
    groups.window_length,
    groups.previous_steps,
    attempts.entered_at,
    attempts.reached_at,
    attempts.window_ends_at,
    attempts.is_completed,
    not attempts.is_completed and attempts.excluded_at is not null as is_excluded,
    attempts.is_left as drops_unit,
    attempts.is_tied
{%- endmacro %}
