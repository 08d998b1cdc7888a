{# What people did in the app themselves; it makes them active without any event. #}
{% macro own_actions() -%}
    select
        user_id,
        {{ reporting_day('requested_at') }} as day
    from {{ ref('stg_app__bookings') }}
    union all
    select
        user_id,
        {{ reporting_day('created_at') }} as day
    from {{ ref('stg_app__reviews') }}
    where user_id is not null
    union all
    select
        sender_id as user_id,
        {{ reporting_day('sent_at') }} as day
    from {{ ref('stg_app__messages') }}
    where sender_id is not null
{%- endmacro %}
