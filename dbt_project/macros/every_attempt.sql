{# The attempts of every funnel, one query after the other. In a macro, so that a model's
   definition names what it calls whether or not it knows any funnel yet. #}
{% macro every_attempt() -%}
    {%- for funnel in funnel_plans() %}
        {{ funnel_attempts_of(funnel) }}
    union all
    {%- endfor %}
    select
        null::text as funnel_id,
        null::text as unit_id,
        null::text as session_id,
        attempts.*
    from unnest('{}'::funnels.attempt[]) as attempts
{%- endmacro %}
