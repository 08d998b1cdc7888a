-- One row per device and session id that its client sent, with the sessions that we found
-- for it: an id with many, over days, is never renewed by its client.
select
    device_id,
    client_session_id,
    count(*) as session_count,
    count(distinct started_on) as day_count,
    min(started_at) as first_started_at,
    max(started_at) as last_started_at,
    (
        select (status.watermarks ->> 'sessions')::timestamptz
        from published.status as status
    ) as data_complete_through
from published_data.sessions
where client_session_id is not null
group by device_id, client_session_id
