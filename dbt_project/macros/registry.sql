{# Rows of the registry at execution; none while parsing, without a database. #}
{% macro registry_rows(query) -%}
    {%- if execute -%}
        {{ return(run_query(query).rows) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}

{# Every goal of experiments, as rows of VALUES beside one event: which it is, whether it
   holds, and what the event adds to it. The first row is that of exposures, which need
   no predicate. #}
{% macro event_predicates() -%}
    {%- set predicates = registry_rows(
        "select goal_id, predicate_sql, amount_sql, currency "
        "from registry.experiment_goals order by goal_id"
    ) -%}
    (
        'exposure'::text,
        properties ->> 'experiment_id',
        event_name = 'experiment_exposure'
        and jsonb_typeof(properties -> 'experiment_id') = 'string'
        and jsonb_typeof(properties -> 'variant') = 'string',
        null::numeric
    )
    {%- for predicate in predicates %},
    (
        'goal',
        '{{ predicate.goal_id }}',
        {{ predicate.predicate_sql }},
        {{ amount_of(predicate.amount_sql, predicate.currency) }}
    )
    {%- endfor %}
{%- endmacro %}

{# What an event adds: 1 where events are counted; nothing where its amount is missing, or
   in another currency than what is added up. #}
{% macro amount_of(amount, currency) -%}
    {%- if not amount -%}
        1
    {%- elif currency -%}
        case when currency = '{{ currency }}' then ({{ amount }}) end
    {%- else -%}
        ({{ amount }})
    {%- endif -%}
{%- endmacro %}

{# The days since the first experiment began, or since the first history that one reads: no
   row before counts in any. #}
{% macro since_first_experiment(column, with_history=false) -%}
    {%- set first = "starts_at" ~ (
        " - make_interval(days => history_days)" if with_history else ""
    ) -%}
    {%- set found = registry_rows(
        "select " ~ reporting_day("min(" ~ first ~ ")") ~ "::text "
        "from registry.experiments"
    ) -%}
    {%- if execute and found[0][0] -%}
        {{ column }} >= {{ day_literals([found[0][0]])[0] }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}
