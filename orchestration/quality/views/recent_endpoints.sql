-- One row per recent range and endpoint with requests: their number, those that failed, and
-- the average over all of them, not over the averages of buckets.
select
    ranges.time_range,
    counted.endpoint,
    sum(counted.duration_ms)::numeric / nullif(sum(counted.timed_count), 0)
        as average_duration_ms,
    sum(counted.request_count)::bigint as request_count,
    sum(counted.error_count)::bigint as error_count,
    sum(counted.client_failure_count)::bigint as client_failure_count,
    ranges.data_complete_through
from published.recent_ranges as ranges
inner join published_data.endpoint_buckets as counted
    on
        counted.day >= (ranges.starts_at at time zone ranges.timezone)::date
        and counted.bucket_at >= ranges.starts_at
        and counted.bucket_at < ranges.ends_at
group by ranges.time_range, counted.endpoint, ranges.data_complete_through
