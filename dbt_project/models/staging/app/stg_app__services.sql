select
    service_id,
    category,
    title,
    duration_minutes,
    price_minor,
    currency,
    state,
    created_at,
    changed_at
from {{ source('raw', 'app_services') }}
where valid_to is null
