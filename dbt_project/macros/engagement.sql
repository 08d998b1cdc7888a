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

{# The length of a heartbeat's slot in seconds and its number since 1970; null for other
   events. Two heartbeats of one slot are equal. #}
{% macro heartbeat_slot() -%}
    case
        when event_name = 'heartbeat' then (
            select array[slots.seconds, floor(extract(epoch from occurred_at) / slots.seconds)]
            from (
                select
                    case
                        when jsonb_typeof(properties -> 'slot_seconds') = 'number'
                            then (properties -> 'slot_seconds')::numeric
                        else {{ engagement_rule('heartbeat_seconds') }}::numeric
                    end as seconds
            ) as slots
            where slots.seconds > 0
        )
    end
{%- endmacro %}

{# Engaged time of the distinct slots with a heartbeat; null without any. #}
{% macro engaged_seconds(slots) -%}
    (
        select sum({{ slots }}[listed.position][1])
        from generate_subscripts({{ slots }}, 1) as listed (position)
    ) + {{ engagement_rule('minimum_visit_seconds') }}
{%- endmacro %}

{# What a person did, in the words of the weights: an event's name, what was done to an
   occasion, or the class that a rule gave the event. #}
{% macro activity_name() -%}
    case
        when counted_class in ('double_view', 'impression') then counted_class
        when event_name = 'interaction'
            then 'interaction.' || coalesce(properties ->> 'interaction_type', '')
        else event_name
    end
{%- endmacro %}
