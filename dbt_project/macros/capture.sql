{# What the app says happened and an event should tell of: bookings, orders of tickets,
   registrations. #}
{% macro facts_to_capture() -%}
    select
        'booking' as fact,
        booking_id as fact_id,
        user_id,
        {{ reporting_day('requested_at') }} as day
    from {{ ref('stg_app__bookings') }}

    union all

    select
        'order' as fact,
        order_id as fact_id,
        {{ of_first_ticket('user_id') }} as user_id,
        {{ reporting_day('min(issued_at)') }} as day
    from {{ ref('stg_app__tickets') }}
    where order_id is not null
    group by order_id

    union all

    select
        'registration' as fact,
        user_id as fact_id,
        user_id,
        {{ reporting_day('registered_at') }} as day
    from {{ ref('stg_app__persons') }}
{%- endmacro %}
