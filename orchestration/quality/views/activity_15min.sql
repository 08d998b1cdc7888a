-- One row per quarter of an hour, event name and class. Complete where its end is not after the
-- instant through which data is complete.
select
    buckets.day,
    date_bin('15 minutes', buckets.bucket_at, timestamptz '2000-01-01 00:00:00Z') as bucket_at,
    buckets.event_name,
    buckets.event_class,
    sum(buckets.event_count)::bigint as event_count,
    (status.watermarks ->> 'activity_buckets')::timestamptz as data_complete_through,
    date_bin('15 minutes', buckets.bucket_at, timestamptz '2000-01-01 00:00:00Z')
    + interval '15 minutes'
    <= (status.watermarks ->> 'activity_buckets')::timestamptz as is_complete
from published_data.activity_buckets as buckets
cross join published.status as status
group by 1, 2, 3, 4, 6, 7
