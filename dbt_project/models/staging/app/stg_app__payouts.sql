select
    payout_id,
    provider_id,
    state,
    charged_minor,
    fee_minor,
    refund_minor,
    adjustment_minor,
    net_minor,
    currency,
    period_starts_on,
    period_ends_on,
    paid_at,
    created_at,
    changed_at
from {{ source('raw', 'app_payouts') }}
where valid_to is null
