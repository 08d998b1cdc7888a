select
    review_id,
    booking_id,
    provider_id,
    user_id,
    rating,
    state,
    created_at,
    changed_at
from {{ source('raw', 'app_reviews') }}
where valid_to is null
