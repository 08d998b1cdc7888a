select
    provider_id,
    user_id,
    provider_kind,
    region,
    state,
    is_verified,
    joined_at,
    changed_at
from {{ source('raw', 'app_providers') }}
where valid_to is null
