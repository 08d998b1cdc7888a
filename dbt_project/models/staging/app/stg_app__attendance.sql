select
    attendance_id,
    occasion_id,
    booking_id,
    ticket_id,
    user_id,
    state,
    duration_minutes,
    recorded_at,
    changed_at
from {{ source('raw', 'app_attendance') }}
where valid_to is null
