-- One row per interaction with an occasion, under the columns of the tracker before us:
-- event_id is the occasion. What only a passing pointer caused is an impression.
select
    md5(jsonb_build_array(events.source, events.event_id)::text)::uuid as id,
    events.user_id,
    events.occasion_id as event_id,
    case
        when exceptions.counted_class = 'impression' then 'impression'
        else events.properties ->> 'interaction_type'
    end as interaction_type,
    events.properties - 'interaction_type' as interaction_data,
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
    events.occurred_at as created_at
from raw.events as events
left join published_data.event_exceptions as exceptions
    on
        events.occurred_on = exceptions.occurred_on
        and events.source = exceptions.source
        and events.event_id = exceptions.event_id
where
    events.event_name = 'interaction'
    and events.occasion_id is not null
    and 'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = events.user_id
    )
