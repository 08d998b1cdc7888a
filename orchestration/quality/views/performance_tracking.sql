-- One row per measured request to an endpoint, under the columns of the tracker before us.
-- A request that no answer came to has no status.
select
    md5(jsonb_build_array(events.source, events.event_id)::text)::uuid as id,
    events.properties ->> 'endpoint' as endpoint,
    events.duration_ms as response_time,
    events.status_code,
    events.properties ->> 'error_message' as error_message,
    events.occurred_at as created_at
from raw.events as events
where
    events.event_name = 'endpoint_performance'
    and 'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = events.user_id
    )
