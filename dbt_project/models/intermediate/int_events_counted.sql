{{ config(
    unique_key=['day', 'event_name', 'event_class', 'exclusion', 'page_path'],
    indexes=[
        {'columns': ['day', 'event_name', 'event_class', 'exclusion', 'page_path'], 'unique': true},
    ],
) }}

with

events as (

    {{ counted_events(
        ['occurred_on', 'event_name', 'event_class', 'exclusion', 'page_path'],
        changed_days('occurred_on', ['raw.events'])) }}

),

-- Paths are cut: an index holds no key above 2,700 bytes.
named as (

    select
        occurred_on as day,
        event_name,
        counted_class as event_class,
        coalesce(exclusion, 'counted') as exclusion,
        case when event_class = 'view' then coalesce(left(page_path, 500), '') else '' end
            as page_path
    from events

)

select
    day,
    event_name,
    event_class,
    exclusion,
    page_path,
    count(*) as event_count
from named
group by day, event_name, event_class, exclusion, page_path
