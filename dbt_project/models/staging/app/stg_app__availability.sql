select
    availability_id,
    provider_id,
    starts_at,
    ends_at,
    changed_at
from {{ source('raw', 'app_availability') }}
where valid_to is null
