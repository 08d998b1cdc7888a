-- One row per person with sessions: what the old tracker said of a user's journey. Session
-- duration is the average in seconds; bounce_rate is a percentage, 0 to 100: of the sessions,
-- those with exactly one view and no other interactive event. most_visited_pages has the ten
-- pages with the most visits, a page again right after itself being one; common_flows the ten
-- most frequent moves from one node to the next. Totals of events count views that fired
-- twice once.
with flows as (
    select
        person_id,
        source_node,
        target_node,
        count(*) as occurrence_count,
        row_number() over (
            partition by person_id
            order by count(*) desc, source_node collate "C", target_node collate "C"
        ) as flow_rank
    from (
        select
            sessions.person_id,
            steps.source_node,
            steps.target_node
        from published.journey_sessions as sessions
        cross join lateral
            unnest(sessions.nodes, sessions.nodes[2:]) as steps (source_node, target_node)
    ) as moves
    where target_node is not null
    group by person_id, source_node, target_node
),

common as (
    select
        person_id,
        jsonb_agg(
            jsonb_build_object(
                'from', source_node, 'to', target_node, 'count', occurrence_count
            )
            order by flow_rank
        ) as flows
    from flows
    where flow_rank <= 10
    group by person_id
),

pages as (
    select
        sessions.person_id,
        visited.node,
        count(*) as visit_count,
        row_number() over (
            partition by sessions.person_id
            order by count(*) desc, visited.node collate "C"
        ) as page_rank
    from published.journey_sessions as sessions
    cross join lateral unnest(sessions.nodes) as visited (node)
    where visited.node like '/%'
    group by sessions.person_id, visited.node
),

visited as (
    select
        person_id,
        jsonb_object_agg(node, visit_count) as pages
    from pages
    where page_rank <= 10
    group by person_id
),

attended as (
    select
        person_id,
        max(user_id) as user_id,
        count(*) as session_count,
        avg(duration_seconds) as session_seconds,
        count(*) filter (where is_single_page_bounce) as bounce_count
    from published.journey_sessions
    group by person_id
),

done as (
    select
        person_id,
        sum(event_count) filter (where event_class <> 'double_view') as event_count,
        sum(event_count) filter (where activity like 'interaction.%') as interaction_count
    from published_data.person_events_daily
    group by person_id
)

select
    attended.person_id,
    attended.user_id,
    coalesce(visited.pages, '{}') as most_visited_pages,
    coalesce(common.flows, '[]') as common_flows,
    round(attended.session_seconds, 3) as session_duration,
    round(100 * attended.bounce_count::numeric / attended.session_count, 3) as bounce_rate,
    attended.session_count as total_sessions,
    coalesce(done.event_count, 0)::bigint as total_events,
    coalesce(done.interaction_count, 0)::bigint as total_interactions,
    (status.watermarks ->> 'session_paths')::timestamptz as data_complete_through
from attended
left join visited on attended.person_id = visited.person_id
left join common on attended.person_id = common.person_id
left join done on attended.person_id = done.person_id
cross join published.status as status
