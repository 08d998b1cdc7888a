-- One row per resource that was used: how often it was opened, downloaded and finished, by how many
-- persons, how many of those who opened it finished it, and how popular it is on the watermark's
-- day: a use counts half for every half-life of its age (registry/engagement.yml). What happened
-- after that day does not count yet.
with

rules as (

    select
        (
            (status.watermarks ->> 'resource_uses_daily')::timestamptz
            at time zone status.timezone
        )::date as measured_on,
        (status.watermarks ->> 'resource_uses_daily')::timestamptz as data_complete_through,
        engagement.half_life_days
    from published.status as status
    cross join registry.engagement as engagement

),

-- Whole millionths of a millionth add up exactly, in any order.
persons as (

    select
        used.resource_id,
        used.person_id,
        sum(used.view_count) as view_count,
        sum(used.download_count) as download_count,
        sum(used.completion_count) as completion_count,
        sum(
            (used.view_count + used.download_count + used.completion_count)
            * round(
                power(0.5, least(rules.measured_on - used.day, 40 * rules.half_life_days)
                / rules.half_life_days) * 1e12
            )::bigint
        ) as remaining
    from published_data.resource_uses_daily as used
    inner join rules on used.day <= rules.measured_on
    group by used.resource_id, used.person_id

)

select
    persons.resource_id,
    content.title,
    content.content_kind,
    sum(persons.view_count)::bigint as view_count,
    sum(persons.download_count)::bigint as download_count,
    sum(persons.completion_count)::bigint as completion_count,
    count(*) as person_count,
    count(*) filter (where persons.view_count > 0) as viewer_count,
    count(*) filter (where persons.download_count > 0) as downloader_count,
    count(*) filter (where persons.completion_count > 0 and persons.view_count > 0)
        as finisher_count,
    round(
        count(*) filter (where persons.completion_count > 0 and persons.view_count > 0)
        / nullif(count(*) filter (where persons.view_count > 0), 0)::numeric,
        8
    ) as completion_rate,
    sum(persons.remaining) / 1e12 as popularity,
    rank() over (order by sum(persons.remaining) desc) as popularity_rank,
    rules.measured_on,
    rules.data_complete_through
from persons
cross join rules
left join raw.app_content as content
    on persons.resource_id = content.content_id and content.valid_to is null
group by
    persons.resource_id,
    content.title,
    content.content_kind,
    rules.measured_on,
    rules.data_complete_through
