-- One row per reporting day, occasion and source of the account: places that persons first took that
-- day and whether they kept them, beside what the occasion holds and the persons who began a form
-- about it that day, or left it at that. Who is not known, or came from nowhere, is of the source
-- unknown.
with

told as (

    select
        (taken.first_registered_at at time zone status.timezone)::date as day,
        taken.occasion_id,
        taken.user_id,
        taken.registered_count,
        taken.refunded_count + taken.cancelled_count as given_back_count,
        1 as registered_person,
        0 as form_person,
        0 as form_drop
    from published_data.occasion_registrations as taken
    cross join published.status as status
    where taken.first_registered_at is not null

    union all

    select
        done.day,
        done.occasion_id,
        done.user_id,
        0 as registered_count,
        0 as given_back_count,
        0 as registered_person,
        1 as form_person,
        1 - max(case done.activity when 'form_submitted' then 1 else 0 end) as form_drop
    from published_data.person_events_daily as done
    where done.occasion_id <> '' and done.activity in ('form_started', 'form_submitted')
    group by done.day, done.occasion_id, done.person_id, done.user_id

)

select
    told.day,
    told.occasion_id,
    coalesce(persons.acquisition_channel, 'unknown') as source,
    occasions.provider_id,
    occasions.category as programme,
    occasions.starts_on,
    occasions.capacity,
    sum(told.registered_person) as person_count,
    sum(told.registered_count)::bigint as registered_count,
    sum(told.given_back_count)::bigint as given_back_count,
    sum(told.form_person) as form_person_count,
    sum(told.form_drop) as form_drop_count,
    round(sum(told.form_drop) / nullif(sum(told.form_person), 0)::numeric, 8) as form_drop_rate
from told
left join raw.app_persons as persons
    on told.user_id = persons.user_id and persons.valid_to is null
left join published_data.occasions as occasions on told.occasion_id = occasions.occasion_id
group by
    told.day,
    told.occasion_id,
    coalesce(persons.acquisition_channel, 'unknown'),
    occasions.provider_id,
    occasions.category,
    occasions.starts_on,
    occasions.capacity
