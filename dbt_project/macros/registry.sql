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
        "select 'experiment' as kind, experiment_id as id, metric_index as part, "
        "predicate_sql from registry.experiment_metrics "
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

{# The days since the first experiment began: no row before counts in any. #}
{% macro since_first_experiment(column) -%}
    {%- set found = registry_rows(
        "select " ~ reporting_day('min(starts_at)') ~ "::text from registry.experiments"
    ) -%}
    {%- if execute and found[0][0] -%}
        {{ column }} >= {{ day_literals([found[0][0]])[0] }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}
