select
    payment_id,
    booking_id,
    order_id,
    user_id,
    provider_id,
    state,
    method,
    amount_minor,
    fee_minor,
    tax_minor,
    currency,
    payout_id,
    paid_at,
    created_at,
    changed_at
from {{ source('raw', 'app_payments') }}
where valid_to is null
