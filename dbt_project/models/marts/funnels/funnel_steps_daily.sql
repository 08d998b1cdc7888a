-- Groups are few: the planner expects many, and would sort all attempts to merge with them.
{{ config(
    pre_hook=['set local enable_nestloop = off', 'set local enable_mergejoin = off'],
    unique_key=['funnel_id', 'entered_on', 'breakdown', 'breakdown_value', 'step_index'],
    indexes=[
        {
            'columns': [
                'funnel_id', 'entered_on', 'breakdown', 'breakdown_value', 'step_index',
            ],
            'unique': true,
        },
        {'columns': ['entered_on']},
    ],
) }}

with

{{ split_attempts() }},

{{ stepped_groups() }},

compared as (

    select
        stepped.*,
        previous.unit_count as previous_count,
        following.unit_count as following_count
    from stepped
    {{ step_beside('stepped', 'previous_step_index', 'previous') }}
    {{ step_beside('stepped', 'next_step_index', 'following') }}

)

select
    funnel_id,
    entered_on,
    breakdown,
    breakdown_value,
    step_index,
    step_name,
    is_optional,
    unit_count,
    entry_count,
    completed_count,
    excluded_count,
    dropped_unit_count,
    tied_count,
    folded_value_count,
    case when not is_optional then unit_count - following_count end as drop_off_count,
    {{ safe_divide('unit_count', 'entry_count') }}::numeric(38, 12) as rate_from_entry,
    {{ safe_divide('unit_count', 'previous_count') }}::numeric(38, 12)
        as rate_from_previous,
    {{ safe_divide('completed_count', 'entry_count') }}::numeric(38, 12) as overall_rate,
    {{ time_columns('seconds_from_entry') }},
    {{ time_columns('seconds_from_previous') }},
    time_histogram,
    window_ends_at
from compared
