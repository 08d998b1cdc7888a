-- One row per conversion, under the columns of the tracker before us, and the currency in
-- which its value is told.
select
    md5(jsonb_build_array(events.source, events.event_id)::text)::uuid as id,
    events.user_id,
    events.properties ->> 'conversion_type' as conversion_type,
    round(
        events.value_minor / power(10::numeric, coalesce(exponents.exponent, 2)),
        coalesce(exponents.exponent, 2)
    ) as conversion_value,
    events.properties - 'conversion_type' as conversion_data,
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
    coalesce(events.properties ->> 'campaign_id', events.utm_campaign) as campaign_id,
    events.occurred_at as created_at,
    events.currency
from raw.events as events
left join published.currency_exponents as exponents on events.currency = exponents.currency
where
    events.event_name = 'conversion'
    and 'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = events.user_id
    )
