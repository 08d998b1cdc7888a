select
    message_id,
    conversation_id,
    booking_id,
    sender_id,
    recipient_id,
    sender_role,
    character_count,
    has_attachment,
    sent_at,
    changed_at
from {{ source('raw', 'app_messages') }}
where valid_to is null
