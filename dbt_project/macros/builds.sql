{# The build that runs us; 0 outside of builds. #}
{% macro build_id() -%}
    {{ return(var('build_id') | int) }}
{%- endmacro %}

{# Raises when this build was superseded, and makes a takeover wait for our commit. #}
{% macro require_build() -%}
    {%- if execute and build_id() > 0 -%}
        select ops.require_build({{ build_id() }})
    {%- endif -%}
{%- endmacro %}

{# An incremental run inside a build replaces only what changed. #}
{% macro is_partial() -%}
    {{ return(is_incremental() and build_id() > 0) }}
{%- endmacro %}
