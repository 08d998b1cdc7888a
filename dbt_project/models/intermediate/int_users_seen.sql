{{ config(
    unique_key=['day', 'user_id'],
    indexes=[
        {'columns': ['day', 'user_id'], 'unique': true},
        {'columns': ['user_id', 'day']},
    ],
) }}

select
    occurred_on as day,
    user_id,
    (array_agg(browser_family order by {{ event_order() }}))[1] as browser_family,
    array_agg(distinct booking_id) filter (
        where event_name = 'booking_attempt' and booking_id is not null
    ) as booking_ids,
    array_agg(distinct order_id) filter (
        where event_name = 'conversion' and order_id is not null
    ) as order_ids,
    bool_or(event_name = 'user_registered') as has_registered
from {{ ref('stg_events__events') }}
where
    user_id is not null
    and not is_excluded
    and {{ changed_days('occurred_on', ['raw.events']) }}
group by occurred_on, user_id
