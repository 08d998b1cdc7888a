{# The rows that a test looks at: those on days that this build changed, so that checking
   a day costs no more when there are many; all rows outside of builds. #}
{% macro rows_in_build(relation, day, changed_by=none) -%}
    {%- if execute and build_id() > 0 -%}
        {%- set model_name = changed_by or relation.name or model.attached_node -%}
        {%- set found = run_query(changed_days_query([model_name], 0, 0)) -%}
        (
            select * from {{ relation }}
            where {{ is_one_of_days(day, found.columns[0].values()) }}
        )
    {%- else -%}
        (select * from {{ relation }})
    {%- endif -%}
{%- endmacro %}
