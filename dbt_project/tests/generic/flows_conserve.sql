{# Day by day, as much leaves a node as comes to it, and as much ends as starts. #}
{% test flows_conserve(model, amount, day) %}
    with

    flows as (

        select
            {{ day }} as day,
            case source_node when 'start' then 'boundary' else '- ' || source_node end
                as node,
            {{ amount }} as leaving,
            0 as coming
        from {{ rows_in_build(model, day) }} as checked

        union all

        select
            {{ day }},
            case target_node when 'end' then 'boundary' else '- ' || target_node end,
            0,
            {{ amount }}
        from {{ rows_in_build(model, day) }} as checked

    )

    select
        day,
        node
    from flows
    group by day, node
    having sum(leaving) <> sum(coming)
{% endtest %}
