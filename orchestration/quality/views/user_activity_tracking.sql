-- One row per activity of a user or visitor, under the columns of the tracker before us.
-- Interactions with occasions and conversions have views of their own; a view that fired
-- twice counts once; session_id is the session that we computed, since the client's may
-- never be renewed; of agent and address only the class and the network are kept.
select
    md5(jsonb_build_array(events.source, events.event_id)::text)::uuid as id,
    events.user_id,
    (
        select sessions.session_id
        from published_data.sessions as sessions
        where
            sessions.device_id = events.device_id
            and sessions.started_at <= events.occurred_at
            and sessions.ended_at + interval '30 minutes' >= events.occurred_at
        order by sessions.started_at desc
        limit 1
    ) as session_id,
    events.event_name as event_type,
    events.properties as event_data,
    events.page_url,
    nullif(
        concat_ws(' ', events.browser_family, events.browser_major, events.device_class), ''
    ) as user_agent,
    events.ip_truncated as ip_address,
    events.occurred_at as created_at
from raw.events as events
left join published_data.event_exceptions as exceptions
    on
        events.occurred_on = exceptions.occurred_on
        and events.source = exceptions.source
        and events.event_id = exceptions.event_id
where
    events.is_interactive
    and events.event_name not in ('interaction', 'conversion')
    and exceptions.counted_class is distinct from 'double_view'
    and 'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = events.user_id
    )
