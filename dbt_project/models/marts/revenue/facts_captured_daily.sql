{%- set parents = ['raw.app', 'int_users_seen'] -%}

{{ config(
    unique_key=['day', 'fact', 'browser_family', 'consent'],
    indexes=[{'columns': ['day', 'fact', 'browser_family', 'consent'], 'unique': true}],
) }}

with

facts as (

    {{ facts_to_capture(parents) }}

),

counted as (

    select facts.*
    from facts
    where {{ is_counted_account('facts.user_id') }}

),

-- Clocks and midnight put an event on the day before or after its fact.
matched as (

    select
        counted.fact,
        counted.fact_id,
        counted.day,
        (array_agg(seen.browser_family order by abs(seen.day - counted.day), seen.day))[1]
            as browser_family,
        count(seen.day) > 0 as has_events,
        coalesce(
            bool_or(
                case counted.fact
                    when 'booking' then counted.fact_id = any(seen.booking_ids)
                    when 'order' then counted.fact_id = any(seen.order_ids)
                    else seen.has_registered
                end
            ),
            false
        ) as is_captured
    from counted
    left join {{ ref('int_users_seen') }} as seen
        on
            counted.user_id = seen.user_id
            and seen.day between counted.day - 1 and counted.day + 1
            and {{ changed_days('seen.day', parents, before=2, after=2) }}
    group by counted.fact, counted.fact_id, counted.day

)

select
    day,
    fact,
    coalesce(browser_family, 'unknown') as browser_family,
    case when has_events then 'granted' else 'unknown' end as consent,
    count(*) as fact_count,
    count(*) filter (where is_captured) as captured_count
from matched
group by day, fact, coalesce(browser_family, 'unknown'), has_events
