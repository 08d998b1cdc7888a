select
    user_id,
    role,
    email_hash,
    phone_hash,
    external_id,
    acquisition_channel,
    region,
    locale,
    state,
    is_internal,
    is_test,
    registered_at,
    changed_at
from {{ source('raw', 'app_persons') }}
where valid_to is null
