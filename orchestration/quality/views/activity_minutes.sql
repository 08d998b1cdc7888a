-- One row per minute of the last day before the instant through which data is complete, with
-- what people did in it; a minute in which nobody did anything has zeros.
select
    minutes.bucket_at,
    coalesce(sum(buckets.event_count), 0)::bigint as event_count,
    coalesce(
        sum(buckets.event_count) filter (where buckets.event_class = 'view'), 0
    )::bigint as view_count,
    coalesce(
        sum(buckets.event_count) filter (where buckets.event_class = 'conversion'), 0
    )::bigint as conversion_count,
    coalesce(
        sum(buckets.event_count) filter (where buckets.event_class = 'error'), 0
    )::bigint as error_count,
    ends.data_complete_through
from (
    select (status.watermarks ->> 'activity_buckets')::timestamptz as data_complete_through
    from published.status as status
) as ends
cross join
    lateral generate_series(
        date_trunc('minute', ends.data_complete_through) - interval '24 hours',
        date_trunc('minute', ends.data_complete_through) - interval '1 minute',
        interval '1 minute'
    ) as minutes (bucket_at)
left join published_data.activity_buckets as buckets
    on
        minutes.bucket_at = buckets.bucket_at
        and buckets.day >= ends.data_complete_through::date - 2
group by minutes.bucket_at, ends.data_complete_through
