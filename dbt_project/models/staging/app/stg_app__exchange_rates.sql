select
    exchange_rate_id,
    currency,
    quoted_currency,
    rate,
    valid_on,
    changed_at
from {{ source('raw', 'app_exchange_rates') }}
where valid_to is null
