{# The CTEs that lead every step-1 row of `matched` as deep as it gets, as `walks`. With
   one window from the first step, the earliest later row is never a worse choice. Rows
   at one instant that no sequence orders do not block each other: they count in the
   order of the steps. Linear in the rows: each finds its next by one running minimum. #}
{% macro funnel_walks() -%}
    compared as (

        select
            *,
            count(source_sequence) over moment = count(*) over moment
            and min(source) over moment = max(source) over moment as is_sequenced
        from matched
        window moment as (partition by funnel_id, person_key, occurred_at)

    ),

    -- One position over all persons: joins on it alone cannot become quadratic in the rows
    -- of one person, whatever the planner guesses.
    numbered as (

        select
            *,
            row_number() over (
                order by
                    funnel_id,
                    person_key,
                    occurred_at,
                    case when is_sequenced then source_sequence end,
                    step_index,
                    source collate "C",
                    event_id collate "C"
            ) as position
        from compared

    ),

    -- Every row stands in two pairs of steps: where it starts and where it ends.
    paired as (

        select
            numbered.*,
            pairs.pair,
            pairs.is_end
        from numbered
        cross join lateral (
            values (step_index, false), (step_index - 1, true)
        ) as pairs (pair, is_end)

    ),

    linked as (

        select
            *,
            min(position) filter (where is_end) over (
                partition by funnel_id, person_key, pair
                order by position desc
                rows between unbounded preceding and 1 preceding
            ) as next_position
        from paired

    ),

    -- A row that is its own next step gives way to the one after it.
    links as materialized (

        select
            starts.position,
            case
                when (ends.source, ends.event_id) = (starts.source, starts.event_id)
                    then ends.next_position
                else starts.next_position
            end as next_position
        from linked as starts
        inner join linked as ends on starts.next_position = ends.position
        where not starts.is_end and ends.is_end

    ),

    moves as materialized (

        select
            links.position,
            links.next_position,
            numbered.occurred_at as next_at
        from links
        inner join numbered on links.next_position = numbered.position

    ),

    walks as (

        select
            funnel_id,
            person_key,
            occurred_on as entered_on,
            occurred_at as entered_at,
            position as entry_position,
            position,
            array[occurred_at] as reached_at,
            array[position] as positions,
            window_seconds
        from numbered
        where step_index = 1

        union all

        select
            walks.funnel_id,
            walks.person_key,
            walks.entered_on,
            walks.entered_at,
            walks.entry_position,
            moves.next_position,
            walks.reached_at || moves.next_at,
            walks.positions || moves.next_position,
            walks.window_seconds
        from walks
        inner join moves using (position)
        where
            moves.next_at
            <= walks.entered_at + make_interval(secs => walks.window_seconds)

    )
{%- endmacro %}
