{{ config(
    unique_key=['day', 'source_node', 'target_node'],
    indexes=[{'columns': ['day', 'source_node', 'target_node'], 'unique': true}],
) }}

with

paths as (

    select
        started_on,
        session_id,
        nodes
    from {{ ref('session_paths') }}
    where {{ changed_days('started_on', ['session_paths']) }}

),

transitions as (

    select
        paths.started_on as day,
        paths.session_id,
        steps.source_node,
        steps.target_node
    from paths
    cross join
        lateral unnest('start'::text || paths.nodes, paths.nodes || 'end'::text)
            as steps (source_node, target_node)

)

select
    day,
    source_node,
    target_node,
    count(*) as occurrence_count,
    count(distinct session_id) as session_count
from transitions
group by day, source_node, target_node
