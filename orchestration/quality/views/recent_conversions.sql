-- One row per recent range, conversion type, currency and bucket, with the number of
-- conversions and their value in minor units; buckets without any included.
with happened as (
    select
        ranges.time_range,
        counted.conversion_type,
        counted.currency,
        date_bin(ranges.bucket_width, counted.bucket_at, ranges.starts_at) as time_bucket,
        sum(counted.event_count)::bigint as conversion_count,
        sum(counted.value_minor)::bigint as value_minor
    from published.recent_ranges as ranges
    inner join published_data.activity_buckets as counted
        on
            counted.day >= (ranges.starts_at at time zone ranges.timezone)::date
            and counted.bucket_at >= ranges.starts_at
            and counted.bucket_at < ranges.ends_at
    where counted.event_class = 'conversion'
    group by 1, 2, 3, 4
),

types as (
    select distinct conversion_type, currency from happened
)

select
    ranges.time_range,
    types.conversion_type,
    types.currency,
    buckets.time_bucket,
    coalesce(happened.conversion_count, 0) as conversion_count,
    coalesce(happened.value_minor, 0) as value_minor,
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
        and types.conversion_type = happened.conversion_type
        and types.currency = happened.currency
        and buckets.time_bucket = happened.time_bucket
