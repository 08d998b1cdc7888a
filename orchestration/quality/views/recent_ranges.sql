-- One row per range of recent activity: 1h, 6h, 24h, 7d and 30d, with the width of its
-- buckets. A range ends at the last whole five minutes before the watermark, so that every
-- bucket in it is whole.
select
    ranges.time_range,
    ends.ends_at - make_interval(hours => ranges.hours) as starts_at,
    ends.ends_at,
    make_interval(mins => ranges.bucket_minutes) as bucket_width,
    ranges.hours * 60 / ranges.bucket_minutes as bucket_count,
    -- The start of the first day whose late window is still open.
    (
        (status.data_complete_through at time zone status.timezone)::date
        - status.days_late_allowed
    )::timestamp at time zone status.timezone as final_before_at,
    status.data_complete_through,
    status.timezone
from published.status as status
cross join
    lateral (
        select
            date_bin(
                interval '5 minutes',
                status.data_complete_through,
                timestamptz '2000-01-01 00:00:00Z'
            ) as ends_at
    ) as ends
cross join
    (
        values ('1h', 1, 5), ('6h', 6, 15), ('24h', 24, 60), ('7d', 168, 360), ('30d', 720, 1440)
    ) as ranges (time_range, hours, bucket_minutes)
where status.data_complete_through is not null
