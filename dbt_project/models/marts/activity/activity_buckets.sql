{{ config(
    unique_key=['day', 'bucket_at', 'event_name', 'event_class', 'conversion_type', 'currency'],
    indexes=[
        {
            'columns': [
                'day', 'bucket_at', 'event_name', 'event_class', 'conversion_type', 'currency',
            ],
            'unique': true,
        },
    ],
) }}

with

events as (

    {{ counted_events(
        [
            'occurred_on', 'occurred_at', 'event_name', 'currency', 'value_minor',
            'properties',
        ],
        changed_days('occurred_on', ['raw.events']), 'not is_excluded') }}

),

dated as (

    select
        occurred_on as day,
        date_trunc('minute', occurred_at) as bucket_at,
        event_name,
        counted_class as event_class,
        case
            when counted_class = 'conversion' then properties ->> 'conversion_type'
        end as conversion_type,
        case when counted_class = 'conversion' then currency end as currency,
        case when counted_class = 'conversion' then value_minor end as value_minor
    from events

)

select
    day,
    bucket_at,
    event_name,
    event_class,
    coalesce(conversion_type, '') as conversion_type,
    coalesce(currency, '') as currency,
    count(*) as event_count,
    coalesce(sum(value_minor), 0)::bigint as value_minor
from dated
group by
    day,
    bucket_at,
    event_name,
    event_class,
    coalesce(conversion_type, ''),
    coalesce(currency, '')
