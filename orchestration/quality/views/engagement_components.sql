-- One row per person and activity with a weight: how often, how often counting for its age at
-- the watermark's day, and what that adds to the score. What happened 50 half-lives ago counts
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

days as (
    select
        rules.scored_on,
        rules.data_complete_through,
        rules.scored_on - ages.age_days as day,
        round(power(0.5, ages.age_days / rules.half_life_days), 15) as remaining
    from rules
    cross join
        lateral generate_series(0, ceil(50 * rules.half_life_days)::integer) as ages (age_days)
)

select
    done.person_id,
    done.user_id,
    done.activity,
    weights.weight,
    sum(done.event_count)::bigint as event_count,
    sum(done.event_count * days.remaining) as decayed_count,
    sum(done.event_count * days.remaining) * weights.weight as points,
    days.scored_on,
    days.data_complete_through
from published_data.person_events_daily as done
inner join days on done.day = days.day
inner join registry.engagement_weights as weights on done.activity = weights.activity
group by
    done.person_id,
    done.user_id,
    done.activity,
    weights.weight,
    days.scored_on,
    days.data_complete_through
