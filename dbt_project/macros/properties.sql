{# Properties of an event by type; null where they are absent or of another type. #}
{% macro number_property(name) -%}
    case
        when jsonb_typeof(properties -> '{{ name }}') = 'number'
            then (properties ->> '{{ name }}')::numeric
    end
{%- endmacro %}

{% macro boolean_property(name) -%}
    case
        when jsonb_typeof(properties -> '{{ name }}') = 'boolean'
            then (properties ->> '{{ name }}')::boolean
    end
{%- endmacro %}
