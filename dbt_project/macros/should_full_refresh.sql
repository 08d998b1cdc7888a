{# A build names the models whose definition changed; they are built from nothing, in the
   same invocation as the rest. dbt's own materialization and is_incremental() ask here. #}
{% macro should_full_refresh() -%}
    {%- set configured = config.get('full_refresh') -%}
    {%- if configured is not none -%}
        {{ return(configured) }}
    {%- endif -%}
    {{ return(flags.FULL_REFRESH or model.name in running_build().get('models_from_nothing', [])) }}
{%- endmacro %}
