{{ config(
    unique_key=['device_id', 'started_at'],
    indexes=[
        {'columns': ['device_id', 'started_at'], 'unique': true},
        {'columns': ['session_id'], 'unique': true},
        {'columns': ['started_on']},
    ],
) }}

with

sessionized as (

    select * from {{ ref('int_events_sessionized') }}
    where
        not is_excluded
        and {{ changed_days('started_on', ['int_events_sessionized']) }}

)

select
    session_id,
    device_id,
    user_id,
    started_on,
    started_at,
    ended_at,
    extract(epoch from ended_at - started_at)::numeric(12, 6) as duration_seconds,
    event_count,
    interactive_event_count,
    view_count,
    interaction_count,
    conversion_count,
    error_count,
    chat_count,
    engaged_seconds,
    entry_page_path,
    exit_page_path,
    ended_at - started_at >= interval '10 seconds'
    or view_count >= 2
    or conversion_count >= 1 as is_engaged,
    view_count = 1 and interactive_event_count = 1 as is_single_page_bounce,
    client_session_id,
    client_session_count,
    client_session_count > 1
    or count(client_session_id) over (
        partition by started_on, device_id, client_session_id
    ) > 1 as is_client_disagreeing
from sessionized
