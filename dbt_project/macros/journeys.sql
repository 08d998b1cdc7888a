{# A path whose identifiers have a placeholder's name: segment by segment, by the first rule
   that fits. It begins with a slash, so that no path is called as an event or a boundary,
   and is cut, since an index holds no key above 2,700 bytes and a transition has two. #}
{% macro cleaned_path(path) -%}
    (
        select
            left(
                '/' || coalesce(
                    string_agg(
                        coalesce({{ placeholder('segments') }}, segments.segment),
                        '/' order by segments.position
                    ),
                    ''
                ),
                200
            )
        from (
            select
                parts.segment,
                parts.position,
                lag(parts.segment) over (order by parts.position) as previous_segment
            from
                unnest(string_to_array({{ path }}, '/'))
                with ordinality as parts (segment, position)
            where parts.segment <> ''
        ) as segments
    )
{%- endmacro %}

{# What the first rule that fits a segment calls it; null where none does. #}
{% macro placeholder(segments) -%}
    (
        select rules.placeholder
        from {{ source('registry', 'journey_rewrites') }} as rules
        where
            (rules.pattern is null or {{ segments }}.segment ~ rules.pattern)
            and (
                rules.after_segment is null
                or {{ segments }}.previous_segment = rules.after_segment
            )
        order by rules.rule_index
        limit 1
    )
{%- endmacro %}

{# A rule of registry/journeys.yml; the second value while there is no registry. #}
{% macro journey_rule(column, otherwise) -%}
    coalesce(
        (select rules.{{ column }} from {{ source('registry', 'journeys') }} as rules),
        {{ otherwise }}
    )
{%- endmacro %}

{# The CTEs that give every node of the claimed sessions its place, as `nodes`. Only what a
   person caused is a node, once. #}
{% macro session_nodes() -%}
    events as (

        {{ counted_events(
            [
                'device_id', 'occurred_at', 'source', 'source_sequence', 'event_id',
                'event_name', 'page_path',
            ],
            claimed_days('occurred_on'),
            'device_id is not null and is_interactive and not is_excluded and '
            ~ in_claimed_extents('events')) }}

    ),

    paths as (

        select
            viewed.page_path,
            {{ cleaned_path('viewed.page_path') }} as cleaned_path
        from (
            select distinct page_path from events
            where counted_class = 'view' and page_path is not null
        ) as viewed

    ),

    named as (

        select
            events.device_id,
            sessions.started_at,
            events.occurred_at,
            events.source,
            events.source_sequence,
            events.event_id,
            case
                when events.counted_class = 'view'
                    then coalesce(paths.cleaned_path, events.event_name)
                when
                    events.counted_class not in ('double_view', 'impression')
                    and events.event_name
                    = any({{ journey_rule('event_names', "'{}'::text[]") }})
                    then events.event_name
            end as node
        from events
        inner join {{ ref('int_events_sessionized') }} as sessions
            on
                events.device_id = sessions.device_id
                and events.occurred_at between sessions.started_at and sessions.ended_at
                and not sessions.is_excluded
        left join paths on events.page_path = paths.page_path
        where {{ claimed_days('sessions.started_on') }}

    ),

    nodes as (

        select
            *,
            lag(node) over (
                partition by device_id, started_at order by {{ event_order() }}
            ) as previous_node
        from named
        where node is not null

    )
{%- endmacro %}
