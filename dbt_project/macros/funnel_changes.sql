{# Funnels that this build makes anew, beside the days that changed: their definitions are
   not those last built. A model built from nothing makes all of them. #}

{# The ids of those whose definition changed, or of which also the rows did. #}
{% macro changed_funnels(prefix='funnel ') -%}
    {%- set found = [] -%}
    {%- if is_partial() -%}
        {%- for name in running_build().get('models_from_nothing', []) -%}
            {%- if name.startswith(prefix) -%}
                {%- do found.append(name[prefix | length:]) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{# Whether events have to be read again, whatever their day. #}
{% macro has_changed_rows() -%}
    {{ return(changed_funnels('rows of funnel ') | length > 0) }}
{%- endmacro %}

{# The changed days, or all where a funnel is made anew. #}
{% macro days_of_funnels(column, parents, is_anew) -%}
    {{ 'true' if is_anew else changed_days(column, parents) }}
{%- endmacro %}

{# Holds for what is stored of changed funnels and of those that are gone, by their id or
   number. #}
{% macro is_of_changed_funnel(column) -%}
    {%- if changed_funnels() -%}
        not {{ is_of_kept_funnel(column) }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{% macro is_of_kept_funnel(column) -%}
    {%- set changed = changed_funnels() -%}
    {%- set kept = [] -%}
    {%- for funnel in funnel_plans() if funnel.funnel_id not in changed -%}
        {%- do kept.append(
            funnel.funnel_number if column.endswith('number')
            else "'" ~ funnel.funnel_id ~ "'"
        ) -%}
    {%- endfor -%}
    {{ column ~ ' in (' ~ kept | join(', ') ~ ')' if kept else 'false' }}
{%- endmacro %}

{# The stored rows that a model replaces beside those of changed days: `meta.of_funnel`
   names the column that says whose they are, `rows` where a row is of many, or `metrics`
   where they are of experiments. #}
{% macro replaced_funnels(rows, of_funnel) -%}
    {%- if of_funnel == 'rows' -%}
        {{ has_changed_rows() | string | lower }}
    {%- elif of_funnel == 'metrics' -%}
        {{ is_through_changed_funnel(rows) }}
    {%- else -%}
        {{ is_of_changed_funnel(rows ~ '.' ~ of_funnel) }}
    {%- endif -%}
{%- endmacro %}
