select
    booking_id,
    user_id,
    provider_id,
    listing_id,
    service_id,
    occasion_id,
    order_id,
    state,
    requested_at,
    starts_at,
    ends_at,
    region,
    utm_campaign,
    list_minor,
    discount_minor,
    discount_funder,
    charged_minor,
    fee_minor,
    tax_minor,
    currency,
    changed_at
from {{ source('raw', 'app_bookings') }}
where valid_to is null
