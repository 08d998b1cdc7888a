{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['device_id', 'started_at'],
    indexes=[
        {'columns': ['device_id', 'started_at'], 'unique': true},
        {'columns': ['started_on']},
    ],
) }}

with

{{ session_nodes() }},

walked as (

    select
        device_id,
        started_at,
        {{ in_order('node', 'true') }} as nodes
    from nodes
    where
        node is distinct from previous_node
        or not {{ journey_rule('collapse_repeats', 'true') }}
    group by device_id, started_at

),

-- Also those without any node, which go from start to end.
begun as (

    select
        *,
        started_at as occurred_at
    from {{ ref('int_events_sessionized') }}
    where not is_excluded and {{ claimed_days('started_on') }}

)

select
    begun.session_id,
    begun.device_id,
    begun.user_id,
    begun.started_on,
    begun.started_at,
    coalesce(walked.nodes, '{}'::text[]) as nodes
from begun
left join walked
    on
        begun.device_id = walked.device_id
        and begun.started_at = walked.started_at
where {{ in_claimed_extents('begun') }}
