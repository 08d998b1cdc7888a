{{ config(
    unique_key=['day', 'sequence_id'],
    indexes=[{'columns': ['day', 'sequence_id'], 'unique': true}],
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

-- Two nodes are a transition.
runs as (

    select
        paths.started_on as day,
        paths.session_id,
        paths.nodes[firsts.place:firsts.place + lengths.length - 1] as nodes
    from paths
    cross join (values (3), (4), (5)) as lengths (length)
    cross join
        lateral generate_series(1, cardinality(paths.nodes) - lengths.length + 1)
            as firsts (place)

)

select
    day,
    {{ hashed_key(['nodes']) }} as sequence_id,
    nodes,
    count(*) as occurrence_count,
    count(distinct session_id) as session_count
from runs
group by day, nodes
