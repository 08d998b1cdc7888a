{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['device_id', 'is_excluded', 'started_at'],
    indexes=[
        {'columns': ['device_id', 'started_at', 'is_excluded'], 'unique': true},
        {'columns': ['started_on']},
    ],
) }}

with recursive

events as (

    {{ counted_events(session_columns(), claimed_days('occurred_on'),
        'device_id is not null and ' ~ in_claimed_extents('events')) }}

),

{{ placed_events() }},

measured as (

    select
        device_id,
        is_excluded,
        started_at,
        min(exclusion) as exclusion,
        min(occurred_on) filter (where is_interactive) as started_on,
        max(occurred_at) filter (where is_interactive) as ended_at,
        count(*) as event_count,
        count(*) filter (
            where is_interactive and counted_class <> 'double_view'
        ) as interactive_event_count,
        count(*) filter (where counted_class = 'view') as view_count,
        count(*) filter (where counted_class = 'interaction') as interaction_count,
        count(*) filter (where counted_class = 'conversion') as conversion_count,
        count(*) filter (where counted_class = 'error') as error_count,
        count(*) filter (where event_name = 'chat_started') as chat_count,
        count(distinct client_session_id) as client_session_count,
        min(client_session_id collate "C") as client_session_id,
        array_agg(distinct heartbeat_slot) filter (where heartbeat_slot is not null)
            as heartbeat_slots,
        {{ in_order('source', 'is_interactive') }} as sources,
        {{ in_order('event_id', 'is_interactive') }} as event_ids,
        {{ in_order('user_id', 'user_id is not null') }} as user_ids,
        {{ in_order('page_path', "counted_class = 'view'") }} as page_paths
    from placed
    group by device_id, is_excluded, started_at

)

select
    {{ hashed_key(['device_id', 'sources[1]', 'event_ids[1]']) }} as session_id,
    device_id,
    is_excluded,
    exclusion,
    user_ids[1] as user_id,
    started_on,
    started_at,
    ended_at,
    event_count,
    interactive_event_count,
    view_count,
    interaction_count,
    conversion_count,
    error_count,
    chat_count,
    ({{ engaged_seconds('heartbeat_slots') }})::numeric(12, 3) as engaged_seconds,
    page_paths[1] as entry_page_path,
    page_paths[cardinality(page_paths)] as exit_page_path,
    client_session_id,
    client_session_count
from measured
