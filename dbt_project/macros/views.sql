{# The class of an event in which a page view that fires twice counts once: the same
   address on the same device and day within a second of the one before. #}
{% macro counted_class() -%}
    case
        when
            event_class = 'view'
            and occurred_at <= lag(
                case when device_id is not null then occurred_at end
            ) over (
                partition by occurred_on, device_id, is_excluded, event_class, page_url
                order by occurred_at
            ) + interval '1 second'
            and page_url is not null
            then 'double_view'
        else event_class
    end
{%- endmacro %}
