select
    content_id,
    content_kind,
    provider_id,
    category,
    title,
    state,
    version,
    published_at,
    created_at,
    changed_at
from {{ source('raw', 'app_content') }}
where valid_to is null
