-- One row per stretch of time and device, or network address, of which more events came than
-- the registry calls usual in so long. Flagged and counted, never left out: behind one address
-- may be a whole school.
select
    events.occurred_on as day,
    buckets.bucket_at,
    max(rate.minutes) as bucket_minutes,
    subjects.kind,
    subjects.subject,
    count(*) as event_count,
    max(rate.event_count) as usual_count,
    count(distinct events.device_id) as device_count,
    count(*) filter (where events.is_bot or events.is_internal or events.is_test)
        as excluded_count
from raw.events as events
cross join registry.request_rate as rate
cross join
    lateral (
        select
            date_bin(
                make_interval(mins => rate.minutes),
                events.occurred_at,
                timestamptz '2000-01-01 00:00:00Z'
            ) as bucket_at
    ) as buckets
cross join
    lateral (
        values ('device', events.device_id), ('address', events.ip_truncated)
    ) as subjects (kind, subject)
where subjects.subject is not null and 'analytics' = any(events.purposes)
group by events.occurred_on, buckets.bucket_at, subjects.kind, subjects.subject
having count(*) > max(rate.event_count)
