-- One row per person and activity with a weight: how often, how often counting for its age at
-- the watermark's day, and what that adds to the score. What happened 40 half-lives ago counts
-- nothing, and what happened after the watermark's day does not count yet.
with rules as (
    select
        (
            (status.watermarks ->> 'person_events_daily')::timestamptz
            at time zone status.timezone
        )::date as scored_on,
        (status.watermarks ->> 'person_events_daily')::timestamptz as data_complete_through,
        engagement.half_life_days
    from published.status as status
    cross join registry.engagement as engagement
),

-- In whole millionths of a millionth: integers add up exactly, and fast.
days as (
    select
        rules.scored_on - ages.age_days as day,
        round(power(0.5, ages.age_days / rules.half_life_days) * 1e12)::bigint as remaining
    from rules
    cross join
        lateral generate_series(0, ceil(40 * rules.half_life_days)::integer) as ages (age_days)
),

counted as (
    select
        done.person_id,
        done.user_id,
        done.activity,
        sum(done.event_count)::bigint as event_count,
        sum(done.event_count * days.remaining) / 1e12 as decayed_count
    from published_data.person_events_daily as done
    inner join days on done.day = days.day
    where done.activity in (select weights.activity from registry.engagement_weights as weights)
    group by done.person_id, done.user_id, done.activity
)

select
    counted.person_id,
    counted.user_id,
    counted.activity,
    weights.weight,
    counted.event_count,
    counted.decayed_count,
    counted.decayed_count * weights.weight as points,
    rules.scored_on,
    rules.data_complete_through
from counted
inner join registry.engagement_weights as weights on counted.activity = weights.activity
cross join rules
