-- One row per recent range, bucket, event type, user and occasion with events, to filter by
-- user and occasion what recent_activity counts as a whole; buckets without events have none.
select
    ranges.time_range,
    case
        when exceptions.counted_class = 'impression' then 'impression'
        else happened.event_name
    end as event_type,
    happened.user_id,
    happened.occasion_id,
    date_bin(ranges.bucket_width, happened.occurred_at, ranges.starts_at) as time_bucket,
    count(*) as event_count,
    ranges.data_complete_through
from published.recent_ranges as ranges
inner join raw.events as happened
    on
        happened.occurred_on >= (ranges.starts_at at time zone ranges.timezone)::date
        and happened.occurred_on <= (ranges.ends_at at time zone ranges.timezone)::date
        and happened.occurred_at >= ranges.starts_at
        and happened.occurred_at < ranges.ends_at
left join published_data.event_exceptions as exceptions
    on
        happened.occurred_on = exceptions.occurred_on
        and happened.source = exceptions.source
        and happened.event_id = exceptions.event_id
where
    'analytics' = any(happened.purposes)
    and not (happened.is_bot or happened.is_internal or happened.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = happened.user_id
    )
    and exceptions.counted_class is distinct from 'double_view'
group by 1, 2, 3, 4, 5, 7
