{# Rows of a relation whose units any of the parents changed in this build, each found by the
   index on its columns. As a semi-join the planner would read a relation whole as long as
   that seems cheap, and a night would grow with what was before it. Every row outside of
   builds. #}
{% macro changed_rows(relation, keys, parents, units='true') -%}
    {{ found_rows(relation, keys, parents, units) if is_partial() else relation }}
{%- endmacro %}

{% macro found_rows(relation, keys, parents, units) -%}
    (
        select found.*
        from (
            select distinct changed.unit_key
            from ops.changed_units as changed
            where
                changed.build_id = {{ build_id() }}
                and changed.model in ('{{ parents | join("', '") }}')
                and {{ units }}
        ) as units
        cross join lateral (
            select candidates.*
            from {{ relation }} as candidates
            where {{ has_values('candidates', keys) }}
            -- Keeps the planner from making a join of it.
            offset 0
        ) as found
    )
{%- endmacro %}

{% macro has_values(rows, keys) -%}
    {%- set conditions = [] -%}
    {%- for column, value in keys.items() -%}
        {%- do conditions.append(rows ~ '.' ~ column ~ ' = ' ~ value) -%}
    {%- endfor -%}
    {{ conditions | join(' and ') }}
{%- endmacro %}

{# The same where the unit is the value of one column. #}
{% macro changed_units_of(relation, column, parents) -%}
    {{ changed_rows(relation, {column: 'units.unit_key'}, parents) }}
{%- endmacro %}

{# Before a model that follows units: how many there are. Taken for few, what is found of
   them is joined in quadratic time. #}
{% macro weigh_changed_units() -%}
    {{ 'analyze ops.changed_units' if is_partial() }}
{%- endmacro %}

{# Joins rows of a relation by one column: in a build one by one, by the index on it. #}
{% macro joined_rows(relation, alias, column, value, condition='true') -%}
    {%- set matches = 'candidates.' ~ column ~ ' = ' ~ value -%}
    {{ 'cross join lateral' if is_partial() else 'inner join' }} (
        select candidates.*
        from {{ relation }} as candidates
        where {{ condition }} and {{ matches ~ ' offset 0' if is_partial() else 'true' }}
    ) as {{ alias }} {{ 'on ' ~ value ~ ' = ' ~ alias ~ '.' ~ column if not is_partial() }}
{%- endmacro %}

{# Rows of the model itself that this build may replace, by the index on their unit. The
   array makes the planner expect few, and so use it. #}
{% macro is_changed_key(column, parents) -%}
    {{ column }} = any(
        array(
            select changed.unit_key
            from ops.changed_units as changed
            where
                changed.build_id = {{ build_id() }}
                and changed.model in ('{{ parents | join("', '") }}')
        )
    )
{%- endmacro %}
