{{ config(
    unique_key=['day', 'method', 'outcome', 'failure_reason'],
    indexes=[
        {'columns': ['day', 'method', 'outcome', 'failure_reason'], 'unique': true},
    ],
) }}

with

attempts as (

    select
        occurred_on as day,
        coalesce(properties ->> 'method', '') as method,
        properties ->> 'outcome' as outcome,
        coalesce(properties ->> 'failure_reason', '') as failure_reason
    from {{ ref('stg_events__events') }}
    where
        event_name = 'login_attempt'
        and not is_excluded
        and properties ->> 'outcome' in ('success', 'failure')
        and {{ changed_days('occurred_on', ['raw.events']) }}

)

select
    day,
    method,
    outcome,
    failure_reason,
    count(*) as attempt_count
from attempts
group by day, method, outcome, failure_reason
