{{ config(
    unique_key=['day', 'bucket_at', 'endpoint'],
    indexes=[{'columns': ['day', 'bucket_at', 'endpoint'], 'unique': true}],
) }}

with

requests as (

    select
        occurred_on as day,
        date_bin(
            interval '5 minutes', occurred_at, timestamptz '2000-01-01 00:00:00Z'
        ) as bucket_at,
        {{ endpoint_template("coalesce(properties ->> 'endpoint', '')") }} as endpoint,
        duration_ms,
        status_code,
        properties -> 'is_client_failure' = 'true'::jsonb as is_client_failure
    from {{ ref('stg_events__events') }}
    where
        event_name = 'endpoint_performance'
        and not is_excluded
        and {{ changed_days('occurred_on', ['raw.events']) }}

)

select
    day,
    bucket_at,
    endpoint,
    count(*) as request_count,
    count(*) filter (where status_code >= 500) as error_count,
    count(*) filter (where status_code is null and is_client_failure) as client_failure_count,
    count(duration_ms) as timed_count,
    coalesce(sum(duration_ms), 0)::bigint as duration_ms
from requests
group by day, bucket_at, endpoint
