{# The CTEs that give every event of a form in the claimed chains its session, as `placed`. #}
{% macro placed_form_events() -%}
    events as (

        select
            *,
            left(properties ->> 'form_id', 500) as form_id,
            left(properties ->> 'field_name', 500) as field_name,
            coalesce({{ boolean_property('is_successful') }}, true) as is_successful,
            {{ number_property('refill_count') }} as refill_count,
            {{ boolean_property('has_error') }} as has_error,
            {{ boolean_property('is_blank') }} as is_blank
        from {{ ref('stg_events__events') }}
        where
            event_name in ('form_started', 'form_field_changed', 'form_submitted')
            and not is_excluded
            and device_id is not null
            and {{ claimed_days('occurred_on') }}
            and {{ in_claimed_extents('stg_events__events') }}

    ),

    placed as (

        select
            events.*,
            sessions.started_on,
            sessions.started_at
        from events
        inner join {{ ref('int_events_sessionized') }} as sessions
            on
                events.device_id = sessions.device_id
                and events.occurred_at between sessions.started_at and sessions.ended_at
                and not sessions.is_excluded
        where
            events.form_id is not null
            and {{ claimed_days('sessions.started_on') }}

    )
{%- endmacro %}

{# The CTEs that tell how each field of `placed` went, as `fields` of a form session. #}
{% macro form_fields() -%}
    touched as (

        select
            device_id,
            started_at,
            form_id,
            field_name,
            min(occurred_at) as first_at,
            count(*) filter (where event_name = 'form_field_changed') as change_count,
            coalesce(sum(refill_count), 0)::bigint as refill_count,
            count(*) filter (where has_error) as error_count,
            coalesce(sum(duration_ms), 0)::bigint as duration_ms,
            coalesce(
                ({{ in_order('is_blank', 'is_blank is not null') }})[
                    count(is_blank)::integer
                ],
                false
            ) as is_left_blank
        from placed
        where field_name is not null
        group by device_id, started_at, form_id, field_name

    ),

    fields as (

        select
            device_id,
            started_at,
            form_id,
            jsonb_agg(
                to_jsonb(touched) - '{device_id,started_at,form_id,first_at}'::text[]
                order by first_at, field_name collate "C"
            ) as fields
        from touched
        group by device_id, started_at, form_id

    )
{%- endmacro %}
