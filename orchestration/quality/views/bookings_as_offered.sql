-- One row per booking of a listing, with the version of the listing that was in force when it was
-- requested: what the customer saw. Without a version, the listing was not known yet.
select
    bookings.booking_id,
    bookings.requested_on,
    bookings.requested_at,
    bookings.state,
    bookings.is_quarantined,
    bookings.listing_id,
    versions.version_number as listing_version,
    versions.valid_from as listing_valid_from,
    versions.valid_to as listing_valid_to,
    versions.title as listing_title,
    versions.price_minor as listing_price_minor,
    versions.currency as listing_currency,
    versions.duration_minutes as listing_duration_minutes,
    bookings.is_final,
    bookings.data_complete_through
from published.bookings as bookings
left join published.listing_versions as versions
    on
        bookings.listing_id = versions.listing_id
        and bookings.requested_at >= versions.valid_from
        and (bookings.requested_at < versions.valid_to or versions.valid_to is null)
where bookings.listing_id is not null
