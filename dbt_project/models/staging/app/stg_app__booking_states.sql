select
    booking_state_id,
    booking_id,
    state,
    actor,
    entered_at,
    changed_at
from {{ source('raw', 'app_booking_states') }}
where valid_to is null
