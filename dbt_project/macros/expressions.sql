{# A fraction, unknown where there is nothing to divide by. #}
{% macro safe_divide(numerator, denominator) -%}
    (({{ numerator }})::numeric / nullif(({{ denominator }})::numeric, 0))
{%- endmacro %}

{# A percentile of a column, between two of its values where it lies between them; the same
   in any order of rows. #}
{% macro percentile(column, fraction) -%}
    round((percentile_cont({{ fraction }}) within group (order by {{ column }}))::numeric, 6)
{%- endmacro %}

{# The total order of events (SEMANTICS 2.2), the same on every locale. #}
{% macro event_order() -%}
    occurred_at, source collate "C", source_sequence nulls last, event_id collate "C"
{%- endmacro %}

{# A text key of several values: the array keeps ('a', 'bc') apart from ('ab', 'c'). #}
{% macro hashed_key(values) -%}
    left(
        encode(
            sha256(convert_to(jsonb_build_array({{ values | join(', ') }})::text, 'UTF8')),
            'hex'
        ),
        32
    )
{%- endmacro %}

{# An endpoint as a template: like requests count as one, and an index holds no long key. #}
{% macro endpoint_template(endpoint) -%}
    left(
        regexp_replace(
            split_part({{ endpoint }}, '?', 1),
            '/([0-9]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?=/|$)',
            '/:id',
            'g'
        ),
        500
    )
{%- endmacro %}
