with

events as (

    select * from {{ source('raw', 'events') }}

),

classified as (

    select
        *,
        case
            when is_bot then 'bot'
            when is_internal then 'internal'
            when is_test then 'test'
        end as exclusion,
        is_bot or is_internal or is_test as is_excluded,
        case
            when event_name = 'page_view' then 'view'
            when event_name = 'conversion' then 'conversion'
            when event_name = 'error_occurred' then 'error'
            when is_interactive then 'interaction'
            else 'background'
        end as event_class
    from events
    where 'analytics' = any(purposes)

)

select * from classified
