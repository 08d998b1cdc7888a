{# The CTEs up to `trailing_counts`: distinct persons active in the 1, 7 and 30 days that
   end with each listed day. A person is in the window of every day from an active one
   until the window has moved on, or the next active day takes over: one step up and one
   down per active day, whatever the width. #}
{% macro trailing_counts(active, listed) -%}
    windows as (

        select * from (values (1), (7), (30)) as widths (width)

    ),

    steps as (

        select
            moves.day,
            windows.width,
            moves.step,
            case when {{ active }}.is_anonymous then 0 else moves.step end
                as identified_step
        from {{ active }}
        cross join windows
        cross join lateral (
            values
            ({{ active }}.day, 1),
            (least({{ active }}.day + windows.width, {{ active }}.next_on), -1)
        ) as moves (day, step)

        union all

        select
            {{ listed }}.day,
            windows.width,
            0,
            0
        from {{ listed }}
        cross join windows

    ),

    counted as (

        select
            day,
            width,
            sum(sum(step)) over so_far as person_count,
            sum(sum(identified_step)) over so_far as identified_count
        from steps
        group by day, width
        window so_far as (partition by width order by day)

    ),

    trailing_counts as (

        select
            {{ listed }}.day,
            {{ window_count('person_count', 1) }} as daily_count,
            {{ window_count('person_count', 7) }} as weekly_count,
            {{ window_count('person_count', 30) }} as monthly_count,
            {{ window_count('identified_count', 1) }} as identified_daily_count,
            {{ window_count('identified_count', 7) }} as identified_weekly_count,
            {{ window_count('identified_count', 30) }} as identified_monthly_count
        from {{ listed }}
        inner join counted on {{ listed }}.day = counted.day
        group by {{ listed }}.day

    )
{%- endmacro %}

{% macro window_count(column, width) -%}
    (max({{ column }}) filter (where width = {{ width }}))::bigint
{%- endmacro %}

{# How many days of the 30 that end with each listed day persons were active on. #}
{% macro active_day_levels(active, listed) -%}
    steps as (

        select
            {{ active }}.person_id,
            moves.day,
            sum(moves.step) as step
        from {{ active }}
        cross join lateral (
            values ({{ active }}.day, 1), ({{ active }}.day + 30, -1)
        ) as moves (day, step)
        group by {{ active }}.person_id, moves.day

    ),

    -- Each person is at one level from a step to the next.
    levels as (

        select
            person_id,
            day,
            sum(step) over by_day as level,
            lead(day) over by_day as next_on
        from steps
        window by_day as (partition by person_id order by day)

    ),

    moved as (

        select
            moves.day,
            levels.level,
            sum(moves.step) as step
        from levels
        cross join lateral (
            values (levels.day, 1), (levels.next_on, -1)
        ) as moves (day, step)
        where levels.level > 0
        group by moves.day, levels.level

    ),

    active_day_levels as (

        select
            {{ listed }}.day,
            spread.level as active_day_count,
            coalesce(
                sum(moved.step) over (
                    partition by spread.level order by {{ listed }}.day
                ),
                0
            )::bigint as person_count
        from {{ listed }}
        cross join generate_series(1, 30) as spread (level)
        left join moved
            on {{ listed }}.day = moved.day and spread.level = moved.level

    )
{%- endmacro %}
