-- One row per day, listing and version of it that was in force when it was viewed: how often it was
-- seen as it was. Views of a listing that was not known yet have no version.
select
    events.occurred_on as day,
    events.listing_id,
    versions.version_number as listing_version,
    versions.title as listing_title,
    versions.price_minor as listing_price_minor,
    versions.currency as listing_currency,
    count(*) as view_count
from raw.events as events
left join published.listing_versions as versions
    on
        events.listing_id = versions.listing_id
        and events.occurred_at >= versions.valid_from
        and (events.occurred_at < versions.valid_to or versions.valid_to is null)
where
    events.listing_id is not null
    and events.event_name = 'page_view'
    and 'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = events.user_id
    )
group by
    events.occurred_on,
    events.listing_id,
    versions.version_number,
    versions.title,
    versions.price_minor,
    versions.currency
