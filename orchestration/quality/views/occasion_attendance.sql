-- One row per occasion: how full it was and who came, and how many of those had come to one of
-- the same organiser before. A rate of nothing is unknown; a fill above 1 is overbooked.
with visits as (
    select
        registrations.occasion_id,
        registrations.user_id,
        registrations.attended_count > 0
        and row_number() over (
            partition by registrations.provider_id, registrations.user_id
            order by registrations.starts_at, registrations.occasion_id collate "C"
        ) > 1 as came_again
    from published_data.occasion_registrations as registrations
    where registrations.attended_count > 0 and registrations.user_id <> ''
),

repeated as (
    select
        visits.occasion_id,
        count(*) as attendee_count,
        count(*) filter (where visits.came_again) as repeat_attendee_count
    from visits
    group by visits.occasion_id
)

select
    occasions.occasion_id,
    occasions.provider_id,
    occasions.category,
    occasions.state,
    occasions.starts_at,
    occasions.starts_on,
    occasions.capacity,
    occasions.registered_person_count,
    occasions.registered_count,
    occasions.refunded_count,
    occasions.cancelled_count,
    occasions.attended_count,
    occasions.walk_in_count,
    occasions.no_show_count,
    round(occasions.registered_count / nullif(occasions.capacity, 0)::numeric, 8) as fill_rate,
    round(occasions.attended_count / nullif(occasions.capacity, 0)::numeric, 8)
        as attended_fill_rate,
    round(
        occasions.no_show_count / nullif(
            occasions.attended_count - occasions.walk_in_count + occasions.no_show_count, 0
        )::numeric,
        8
    ) as no_show_rate,
    coalesce(repeated.attendee_count, 0) as attendee_count,
    coalesce(repeated.repeat_attendee_count, 0) as repeat_attendee_count,
    round(repeated.repeat_attendee_count / repeated.attendee_count::numeric, 8) as repeat_rate,
    occasions.is_final,
    occasions.data_complete_through
from published.occasions as occasions
left join repeated on occasions.occasion_id = repeated.occasion_id
