-- One row per day and each of its 50 most frequent transitions, and one for all others of the
-- day, in which source_node, target_node and session_count are null: what a session did twice
-- among them cannot be told. transition_count says how many a row stands for.
with ranked as (
    select
        *,
        row_number() over (
            partition by day
            order by
                occurrence_count desc, source_node collate "C", target_node collate "C"
        ) as transition_rank
    from published_data.session_transitions_daily
)

select
    ranked.day,
    ranked.transition_rank::integer as transition_rank,
    false as is_remainder,
    ranked.source_node,
    ranked.target_node,
    1::bigint as transition_count,
    ranked.occurrence_count,
    ranked.session_count,
    (status.watermarks ->> 'session_transitions_daily')::timestamptz
        as data_complete_through
from ranked
cross join published.status as status
where ranked.transition_rank <= 50
union all
select
    ranked.day,
    51,
    true,
    null,
    null,
    count(*),
    sum(ranked.occurrence_count)::bigint,
    null,
    (status.watermarks ->> 'session_transitions_daily')::timestamptz
from ranked
cross join published.status as status
where ranked.transition_rank > 50
group by ranked.day, status.watermarks
