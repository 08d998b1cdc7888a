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
    leaving as (

        select distinct
            funnel_id,
            entered_on,
            unit_id
        from changed_attempts
        where drops_unit

    ),

    counted_attempts as (

        select
            attempts.*,
            leaving.unit_id is not null as is_left,
            plans.breakdown_top,
            plans.has_breakdown,
            plans.time_bin_count,
            plans.window_seconds * 1000000 as window_length,
            earlier_steps.previous_steps
        from changed_attempts as attempts
        inner join plans
            on attempts.funnel_id = plans.funnel_id
        inner join earlier_steps
            on attempts.funnel_id = earlier_steps.funnel_id
        left join leaving
            on
                attempts.funnel_id = leaving.funnel_id
                and attempts.entered_on = leaving.entered_on
                and attempts.unit_id = leaving.unit_id

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

    -- How many values of a day are folded into one.
    folded as (

        select
            funnel_id,
            entered_on,
            'other' as breakdown,
            count(*) as folded_value_count
        from ranked
        where is_folded
        group by funnel_id, entered_on

    ),

    split as (

        select
            counted_attempts.*,
            'total' as breakdown,
            '' as group_value
        from counted_attempts
        union all
        select
            attempts.*,
            case
                when ranked.is_folded then 'other'
                when attempts.breakdown_value is null then 'missing'
                else 'value'
            end as breakdown,
            case
                when not ranked.is_folded then coalesce(attempts.breakdown_value, '')
                else ''
            end as group_value
        from counted_attempts as attempts
        inner join ranked
            on
                attempts.funnel_id = ranked.funnel_id
                and attempts.entered_on = ranked.entered_on
                and attempts.breakdown_value is not distinct from ranked.breakdown_value

    ),

    -- Groups have numbers: sorting by what they are called took longer than counting.
    groups as materialized (

        select
            row_number() over () as group_number,
            listed.*,
            coalesce(folded.folded_value_count, 0) as folded_value_count
        from (
            select distinct
                funnel_id,
                entered_on,
                breakdown,
                group_value
            from split
        ) as listed
        left join folded
            on
                listed.funnel_id = folded.funnel_id
                and listed.entered_on = folded.entered_on
                and listed.breakdown = folded.breakdown

    ),

    attempts as (

        select
            groups.group_number,
            split.entered_at,
            split.is_completed,
            not split.is_completed and split.excluded_at is not null as is_excluded,
            split.is_left as drops_unit,
            split.is_tied,
            split.reached_at,
            split.window_ends_at,
            split.previous_steps,
            split.time_bin_count,
            split.window_length
        from split
        inner join groups
            on
                split.funnel_id = groups.funnel_id
                and split.entered_on = groups.entered_on
                and split.breakdown = groups.breakdown
                and split.group_value = groups.group_value

    )
{%- endmacro %}
