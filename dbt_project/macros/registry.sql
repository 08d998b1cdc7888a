{# Rows of the registry at execution; none while parsing, without a database. #}
{% macro registry_rows(query) -%}
    {%- if execute -%}
        {{ return(run_query(query).rows) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}

{# Every compiled predicate over events, as rows of VALUES beside one event: what it is
   part of, and whether it holds. The first row is that of exposures, which need none. #}
{% macro event_predicates() -%}
    {%- set predicates = registry_rows(
        "select 'funnel' as kind, funnel_id as id, step_index as part, predicate_sql "
        "from registry.funnel_steps "
        "union all "
        "select 'experiment', experiment_id, metric_index, predicate_sql "
        "from registry.experiment_metrics "
        "order by 1, 2, 3"
    ) -%}
    (
        'exposure'::text,
        properties ->> 'experiment_id',
        0,
        event_name = 'experiment_exposure'
        and jsonb_typeof(properties -> 'experiment_id') = 'string'
        and jsonb_typeof(properties -> 'variant') = 'string'
    )
    {%- for predicate in predicates %},
    (
        '{{ predicate[0] }}',
        '{{ predicate[1] | replace("'", "''") }}',
        {{ predicate[2] }},
        {{ predicate[3] }}
    )
    {%- endfor %}
{%- endmacro %}

{# The longest window of any funnel, in days: how far a changed day reaches. #}
{% macro funnel_window_days() -%}
    {%- set found = registry_rows(
        "select ceil(coalesce(max(window_seconds), 0) / 86400.0)::integer "
        "from registry.funnels"
    ) -%}
    {{ return(found[0][0] if found else 0) }}
{%- endmacro %}
