-- One row per version of every listing: from when to when it was offered as it says, at which
-- price, and what differs from the version before. What was in force at an instant has
-- valid_from <= instant < valid_to, null being without end.
select
    listings.listing_id,
    row_number() over versions as version_number,
    listings.valid_from,
    listings.valid_to,
    listings.provider_id,
    listings.service_id,
    listings.category,
    listings.title,
    listings.duration_minutes,
    listings.price_minor,
    listings.currency,
    listings.state,
    array_remove(
        array[
            case
                when listings.title is distinct from lag(listings.title) over versions
                    then 'title'
            end,
            case
                when
                    (listings.price_minor, listings.currency) is distinct from
                    (lag(listings.price_minor) over versions, lag(listings.currency) over versions)
                    then 'price'
            end,
            case
                when
                    listings.duration_minutes
                    is distinct from lag(listings.duration_minutes) over versions
                    then 'duration_minutes'
            end,
            case
                when listings.state is distinct from lag(listings.state) over versions
                    then 'state'
            end,
            case
                when
                    (listings.provider_id, listings.service_id, listings.category)
                    is distinct from (
                        lag(listings.provider_id) over versions,
                        lag(listings.service_id) over versions,
                        lag(listings.category) over versions
                    )
                    then 'offer'
            end
        ],
        null
    ) as changed_columns
from raw.app_listings as listings
window versions as (partition by listings.listing_id order by listings.valid_from)
