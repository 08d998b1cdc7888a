select
    campaign_id,
    title,
    channel,
    utm_source,
    utm_medium,
    utm_campaign,
    budget_minor,
    currency,
    starts_on,
    ends_on,
    created_at,
    changed_at
from {{ source('raw', 'app_campaigns') }}
where valid_to is null
