{# The attempts of every funnel. In a macro, so that a model's definition names what it
   calls whether or not it knows any funnel yet. #}
{% macro every_attempt() -%}
    {%- set groups = {} -%}
    {%- for funnel in funnel_plans() -%}
        {%- do groups.setdefault(funnel_group(funnel), []).append(funnel) -%}
    {%- endfor -%}
    {%- for funnels in groups.values() %}
        {{ attempts_of_funnels(funnels) }}
    union all
    {%- endfor %}
    select
        null::text as funnel_id,
        null::text as unit_id,
        null::text as session_id,
        {{ attempt_columns() }}
    from unnest('{}'::funnels.attempt[]) as attempts
{%- endmacro %}

{# What funnels have in common that are found in one query. #}
{% macro funnel_group(funnel) -%}
    {{ return([
        funnel.is_swept, funnel.unit, funnel.counting == 'sessions',
        funnel_reach(funnel) | string, funnel.breakdown_trait, funnel.has_breakdown,
        funnel.is_constant, funnel.clip_sql, funnel.is_swept and funnel.ordering,
        funnel.is_swept and funnel.step_count,
    ] | join(' ')) }}
{%- endmacro %}

{% macro attempts_of_funnels(funnels) -%}
    {{ swept_attempts(funnels) if funnels[0].is_swept else searched_attempts(funnels) }}
{%- endmacro %}
