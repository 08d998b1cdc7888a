select
    refund_id,
    payment_id,
    booking_id,
    state,
    reason,
    amount_minor,
    currency,
    payout_id,
    refunded_at,
    changed_at
from {{ source('raw', 'app_refunds') }}
where valid_to is null
