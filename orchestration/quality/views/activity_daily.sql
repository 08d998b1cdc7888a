-- One row per day, event name and class.
select
    buckets.day,
    buckets.event_name,
    buckets.event_class,
    sum(buckets.event_count)::bigint as event_count,
    (status.watermarks ->> 'activity_buckets')::timestamptz as data_complete_through
from published_data.activity_buckets as buckets
cross join published.status as status
group by 1, 2, 3, 5
