{{ config(
    unique_key=['funnel_id', 'entered_on', 'step_index'],
    indexes=[
        {'columns': ['funnel_id', 'entered_on', 'step_index'], 'unique': true},
    ],
) }}

with

entries as (

    select * from {{ ref('funnel_entries') }}
    where {{ changed_days('entered_on', ['funnel_entries']) }}

),

entered as (

    select
        funnel_id,
        entered_on,
        max(window_ends_at) as window_ends_at
    from entries
    group by funnel_id, entered_on

),

-- A step that nobody reached has an explicit zero row.
counted as (

    select
        entered.funnel_id,
        entered.entered_on,
        entered.window_ends_at,
        steps.step_index,
        steps.step_name,
        count(entries.person_id) as person_count,
        {{ percentile('entries.reached_at[steps.step_index] - entries.entered_at', 0.5) }}
            as median_time
    from entered
    inner join {{ source('registry', 'funnel_steps') }} as steps
        on entered.funnel_id = steps.funnel_id
    left join entries
        on
            entered.funnel_id = entries.funnel_id
            and entered.entered_on = entries.entered_on
            and steps.step_index <= entries.deepest_step
    group by
        entered.funnel_id,
        entered.entered_on,
        entered.window_ends_at,
        steps.step_index,
        steps.step_name

),

compared as (

    select
        *,
        first_value(person_count) over funnel_day as entry_count,
        lag(person_count) over funnel_day as previous_count
    from counted
    window funnel_day as (partition by funnel_id, entered_on order by step_index)

)

select
    funnel_id,
    entered_on,
    step_index,
    step_name,
    person_count,
    entry_count,
    {{ safe_divide('person_count', 'entry_count') }}::numeric(38, 12) as rate_from_entry,
    {{ safe_divide('person_count', 'previous_count') }}::numeric(38, 12)
        as rate_from_previous,
    extract(epoch from median_time)::numeric(18, 6) as median_seconds_from_entry,
    window_ends_at
from compared
