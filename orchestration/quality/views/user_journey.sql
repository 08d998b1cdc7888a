-- One row per thing that somebody did or met, and per session that began: to filter by person,
-- by occurred_on and by row_kind (session_start, view, interaction, conversion, exposure,
-- impression, event), and to order by occurred_on and position. A view that fired twice is one
-- row. gap_seconds is the time since the person's row before on the same day, whatever its
-- kind; null for the first of the day. An event outside of sessions has no session_id.
with happened as (
    select
        events.occurred_on,
        events.occurred_at,
        case
            when exceptions.counted_class = 'impression' then 'impression'
            when events.event_name = 'page_view' then 'view'
            when events.event_name = 'experiment_exposure' then 'exposure'
            when events.event_name in ('interaction', 'conversion') then events.event_name
            else 'event'
        end as row_kind,
        events.source,
        events.source_sequence,
        events.event_id,
        events.event_name,
        events.device_id,
        events.user_id,
        events.page_path,
        events.occasion_id,
        events.properties,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        identity.person_id(coalesce(aliases.person_key, 'user ' || events.user_id))
            as named_person_id
    from raw.events as events
    left join published_data.event_exceptions as exceptions
        on
            events.occurred_on = exceptions.occurred_on
            and events.source = exceptions.source
            and events.event_id = exceptions.event_id
    left join identity.persons as aliases
        on
            aliases.identifier_type = 'user'
            and not aliases.is_canonical
            and events.user_id = aliases.identifier
    where
        exceptions.counted_class is distinct from 'double_view'
        and 'analytics' = any(events.purposes)
        and not (events.is_bot or events.is_internal or events.is_test)
        and not exists (
            select from identity.excluded_accounts as accounts
            where accounts.user_id = events.user_id
        )
),

-- A user id that identifies nobody has no days.
owned as (
    select
        happened.*,
        coalesce(
            persons.person_id,
            identity.person_id(coalesce(owners.person_key, 'device ' || happened.device_id))
        ) as person_id,
        case when persons.person_id is null then owners.user_id else persons.user_id end
            as known_user_id
    from happened
    left join published_data.person_days as persons
        on
            happened.occurred_on = persons.day
            and happened.named_person_id = persons.person_id
    left join identity.device_owners as owners
        on
            persons.person_id is null
            and happened.device_id = owners.device_id
            and happened.occurred_at >= owners.valid_from
            and happened.occurred_at < owners.valid_to
    where
        (persons.person_id is not null or happened.device_id is not null)
        and not exists (
            select from identity.excluded_accounts as accounts
            where owners.user_id = accounts.user_id
        )
),

listed as (
    select
        owned.person_id,
        owned.known_user_id as user_id,
        owned.device_id,
        (
            select sessions.session_id
            from published_data.sessions as sessions
            where
                sessions.device_id = owned.device_id
                and sessions.started_at <= owned.occurred_at
                and sessions.ended_at + interval '30 minutes' >= owned.occurred_at
            order by sessions.started_at desc
            limit 1
        ) as session_id,
        owned.occurred_on,
        owned.occurred_at,
        owned.row_kind,
        owned.event_name,
        owned.page_path,
        owned.occasion_id,
        owned.properties ->> 'interaction_type' as interaction_type,
        owned.properties ->> 'conversion_type' as conversion_type,
        owned.properties ->> 'experiment_id' as experiment_id,
        owned.properties ->> 'variant' as variant,
        owned.utm_source,
        owned.utm_medium,
        owned.utm_campaign,
        owned.source,
        owned.source_sequence,
        owned.event_id
    from owned
    union all
    select
        person_id,
        user_id,
        device_id,
        session_id,
        started_on,
        started_at,
        'session_start',
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null
    from published.journey_sessions
)

select
    listed.person_id,
    listed.user_id,
    listed.device_id,
    listed.session_id,
    listed.occurred_on,
    row_number() over person_day as position,
    listed.occurred_at,
    listed.row_kind,
    extract(
        epoch from listed.occurred_at - lag(listed.occurred_at) over person_day
    )::numeric(12, 6) as gap_seconds,
    listed.event_name,
    listed.page_path,
    listed.occasion_id,
    listed.interaction_type,
    listed.conversion_type,
    listed.experiment_id,
    listed.variant,
    listed.utm_source,
    listed.utm_medium,
    listed.utm_campaign,
    (status.watermarks ->> 'session_paths')::timestamptz as data_complete_through
from listed
cross join published.status as status
window
    person_day as (
        partition by listed.occurred_on, listed.person_id
        order by
            listed.occurred_at,
            listed.row_kind <> 'session_start',
            listed.source collate "C",
            listed.source_sequence nulls last,
            listed.event_id collate "C",
            listed.session_id
    )
