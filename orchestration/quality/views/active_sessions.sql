-- One row: how many sessions had an interactive event in the last 30 minutes before the
-- watermark, and the watermark. Sessions have no gap above 30 minutes, so one that began
-- before the watermark and ended after it had one.
select
    count(sessions.session_id) as active_session_count,
    status.watermark as data_complete_through
from (
    select (watermarks ->> 'sessions')::timestamptz as watermark
    from published.status
) as status
left join published_data.sessions as sessions
    on
        sessions.started_at < status.watermark
        and sessions.ended_at >= status.watermark - interval '30 minutes'
        and sessions.started_on >= (status.watermark - interval '3 days')::date
group by status.watermark
