{# What the build that runs us says of itself: its id, the days of raw.events that it may
   read, and the models it makes from nothing. Read when executing only: a variable of
   dbt's, or one seen while parsing, would have every build parse the project again.
   Without it (development, unit tests) an incremental run compares everything. #}
{% macro running_build() -%}
    {%- if execute -%}
        {{ return(fromjson(env_var('DAYBOOK_BUILD', '{}'))) }}
    {%- endif -%}
    {{ return({}) }}
{%- endmacro %}

{# The build that runs us; 0 outside of builds. #}
{% macro build_id() -%}
    {{ return(running_build().get('build_id', 0) | int) }}
{%- endmacro %}

{# Raises when this build was superseded, and makes a takeover wait for our commit. #}
{% macro require_build() -%}
    {%- if build_id() > 0 -%}
        select ops.require_build({{ build_id() }})
    {%- endif -%}
{%- endmacro %}

{# An incremental run inside a build replaces only what changed. #}
{% macro is_partial() -%}
    {{ return(is_incremental() and build_id() > 0) }}
{%- endmacro %}
