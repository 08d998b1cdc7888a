with

events as (

    select * from {{ source('raw', 'events') }}

),

classified as (

    select
        events.*,
        case
            when events.is_bot then 'bot'
            when events.is_internal then 'internal'
            when events.is_test then 'test'
            else accounts.exclusion
        end as exclusion,
        events.is_bot
        or events.is_internal
        or events.is_test
        -- Of the key, which the planner knows for the join without a partner that it is: of
        -- another column it expects one row, and joins of such days run in quadratic time.
        or accounts.user_id is not null as is_excluded,
        case
            when events.event_name = 'page_view' then 'view'
            when events.event_name = 'conversion' then 'conversion'
            when events.event_name = 'error_occurred' then 'error'
            when events.is_interactive then 'interaction'
            else 'background'
        end as event_class
    from events
    left join {{ source('identity', 'excluded_accounts') }} as accounts
        on events.user_id = accounts.user_id
    where 'analytics' = any(events.purposes)

)

select * from classified
