select
    user_id,
    row_number() over (partition by user_id order by valid_from) as version_number,
    role,
    region,
    locale,
    acquisition_channel,
    valid_from,
    valid_to,
    load_id,
    closed_by
from {{ source('raw', 'app_persons') }}
