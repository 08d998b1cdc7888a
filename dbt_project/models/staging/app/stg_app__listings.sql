select
    listing_id,
    provider_id,
    service_id,
    category,
    title,
    duration_minutes,
    price_minor,
    currency,
    state,
    created_at,
    changed_at
from {{ source('raw', 'app_listings') }}
where valid_to is null
