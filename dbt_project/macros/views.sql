{# Columns of the events of some days with the class in which each counts: a view that
   fired twice, or a card that the pointer merely crossed, is not what its name says. #}
{% macro counted_events(columns, days, condition='true') -%}
    select
        {{ columns | join(',\n        ') }},
        coalesce(exceptions.counted_class, events.event_class) as counted_class
    from {{ ref('stg_events__events') }} as events
    left join (
        select * from {{ ref('int_events_reclassed') }}
        where {{ days }}
    ) as exceptions using (occurred_on, source, event_id)
    where
        {{ days }}
        and {{ condition }}
{%- endmacro %}
