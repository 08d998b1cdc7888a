select
    occasion_id,
    provider_id,
    listing_id,
    resource_id,
    category,
    title,
    state,
    capacity,
    price_minor,
    currency,
    starts_at,
    ends_at,
    created_at,
    changed_at
from {{ source('raw', 'app_occasions') }}
where valid_to is null
