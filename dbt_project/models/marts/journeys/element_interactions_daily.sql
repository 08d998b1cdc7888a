{{ config(
    unique_key=['day', 'event_name', 'page_path', 'element'],
    indexes=[
        {'columns': ['day', 'event_name', 'page_path', 'element'], 'unique': true},
    ],
) }}

with

-- Paths and elements are cut: an index holds no key above 2,700 bytes.
events as (

    select
        occurred_on as day,
        event_name,
        coalesce(left(page_path, 300), '') as page_path,
        left(
            coalesce(
                nullif(properties ->> 'element_id', ''), properties ->> 'element_selector'
            ),
            300
        ) as element,
        device_id,
        coalesce({{ boolean_property('is_dead') }}, false) as is_dead
    from {{ ref('stg_events__events') }}
    where
        is_interactive
        and not is_excluded
        and device_id is not null
        and {{ changed_days('occurred_on', ['raw.events']) }}

)

select
    day,
    event_name,
    page_path,
    element,
    count(*) as interaction_count,
    count(*) filter (where is_dead) as dead_count,
    count(distinct device_id) as device_count
from events
where element <> ''
group by day, event_name, page_path, element
