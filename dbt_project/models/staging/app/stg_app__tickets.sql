select
    ticket_id,
    occasion_id,
    booking_id,
    order_id,
    user_id,
    ticket_type,
    state,
    price_minor,
    fee_minor,
    currency,
    issued_at,
    changed_at
from {{ source('raw', 'app_tickets') }}
where valid_to is null
