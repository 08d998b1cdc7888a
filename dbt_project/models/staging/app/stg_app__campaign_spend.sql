select
    campaign_spend_id,
    campaign_id,
    spent_on,
    spend_minor,
    currency,
    impression_count,
    click_count,
    changed_at
from {{ source('raw', 'app_campaign_spend') }}
where valid_to is null
