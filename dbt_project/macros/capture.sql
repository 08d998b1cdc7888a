{# What the app says happened and an event should tell of, on days that changed: bookings,
   orders of tickets, registrations. #}
{% macro facts_to_capture(parents) -%}
    select
        'booking' as fact,
        booking_id as fact_id,
        user_id,
        {{ reporting_day('requested_at') }} as day
    from {{ ref('stg_app__bookings') }}
    where {{ within_changed_days('requested_at', parents, before=1, after=1) }}

    union all

    select
        'order' as fact,
        order_id as fact_id,
        {{ of_first_ticket('user_id') }} as user_id,
        {{ reporting_day('min(issued_at)') }} as day
    from {{ tickets_of_orders_sold(parents) }} as tickets
    where order_id is not null
    group by order_id
    having {{ within_changed_days('min(issued_at)', parents, before=1, after=1) }}

    union all

    select
        'registration' as fact,
        user_id as fact_id,
        user_id,
        {{ reporting_day('registered_at') }} as day
    from {{ ref('stg_app__persons') }}
    where {{ within_changed_days('registered_at', parents, before=1, after=1) }}
{%- endmacro %}

{# All tickets of orders of which one was issued on days that changed. #}
{% macro tickets_of_orders_sold(parents) -%}
    {{ tickets_found(parents) if is_partial() else ref('stg_app__tickets') }}
{%- endmacro %}

{% macro tickets_found(parents) -%}
    (
        select tickets.*
        from (
            select distinct order_id
            from {{ ref('stg_app__tickets') }}
            where {{ within_changed_days('issued_at', parents, before=1, after=1) }}
        ) as sold
        {{ joined_rows(ref('stg_app__tickets'), 'tickets', 'order_id', 'sold.order_id') }}
    )
{%- endmacro %}
