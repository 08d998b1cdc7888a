-- One row per recent range, event type and bucket, buckets without events included. An event
-- type is an event's name, or impression; a view that fired twice counts once.
with happened as (
    select
        ranges.time_range,
        case
            when counted.event_class = 'impression' then 'impression'
            else counted.event_name
        end as event_type,
        date_bin(ranges.bucket_width, counted.bucket_at, ranges.starts_at) as time_bucket,
        sum(counted.event_count)::bigint as event_count
    from published.recent_ranges as ranges
    inner join published_data.activity_buckets as counted
        on
            counted.day >= (ranges.starts_at at time zone ranges.timezone)::date
            and counted.bucket_at >= ranges.starts_at
            and counted.bucket_at < ranges.ends_at
    where counted.event_class <> 'double_view'
    group by 1, 2, 3
),

types as (
    select distinct event_type from happened
)

select
    ranges.time_range,
    types.event_type,
    buckets.time_bucket,
    coalesce(happened.event_count, 0) as event_count,
    ranges.data_complete_through,
    buckets.time_bucket + ranges.bucket_width <= ranges.final_before_at as is_final
from published.recent_ranges as ranges
cross join types
cross join
    lateral (
        select ranges.starts_at + step.number * ranges.bucket_width as time_bucket
        from generate_series(0, ranges.bucket_count - 1) as step (number)
    ) as buckets
left join happened
    on
        ranges.time_range = happened.time_range
        and types.event_type = happened.event_type
        and buckets.time_bucket = happened.time_bucket
