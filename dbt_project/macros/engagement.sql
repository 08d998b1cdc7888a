{# A rule of registry/engagement.yml; unknown while there is no registry. #}
{% macro engagement_rule(column) -%}
    (select rules.{{ column }} from {{ source('registry', 'engagement') }} as rules)
{%- endmacro %}

{# Whether an interaction is what a card sends when a pointer enters it. #}
{% macro is_hover() -%}
    properties ->> 'interaction_type' = 'view'
        and properties -> 'duration_seconds'
        = to_jsonb({{ engagement_rule('hover_duration_seconds') }})
        and properties -> 'scroll_depth'
        = to_jsonb({{ engagement_rule('hover_scroll_depth') }})
{%- endmacro %}
