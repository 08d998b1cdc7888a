{{ config(materialized='ephemeral', contract={'enforced': false}) }}

with

viewed as (

    select
        day,
        page_path,
        sum(event_count) as view_count
    from {{ ref('int_events_counted') }}
    where exclusion = 'counted' and event_class = 'view'
    group by day, page_path

),

ranked as (

    select
        *,
        row_number() over (
            partition by day order by view_count desc, page_path collate "C"
        ) as position
    from viewed

),

-- The tail is one row, so that the pages of a day add up to its views.
folded as (

    select
        day,
        view_count,
        case
            when position > 50 then '(other)'
            when page_path = '' then '(none)'
            else page_path
        end as page
    from ranked

)

select
    day,
    'page_views' as metric_id,
    'page_path' as dimension,
    page as dimension_value,
    sum(view_count) as numerator,
    null::numeric as denominator
from folded
group by day, page
