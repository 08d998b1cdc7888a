{# The places of each changed occasion: a ticket, with who came if that was recorded, or
   somebody who came without one. #}
{% macro places_taken() -%}
    with

    tickets as (

        select
            *,
            state not in ('refunded', 'cancelled') as is_valid
        from {{ changed_units_of(
            ref('stg_app__tickets'), 'occasion_id', ['raw.app_occasions']
        ) }} as tickets

    ),

    -- The app may name the occasion, the ticket, or both.
    recorded as (

        select
            occasion_id,
            ticket_id,
            attendance_id,
            user_id,
            state,
            recorded_at
        from {{ changed_units_of(
            ref('stg_app__attendance'), 'occasion_id', ['raw.app_occasions']
        ) }} as attendance
        where occasion_id is not null

        union all

        select
            tickets.occasion_id,
            attendance.ticket_id,
            attendance.attendance_id,
            attendance.user_id,
            attendance.state,
            attendance.recorded_at
        from tickets
        {{ joined_rows(
            ref('stg_app__attendance'), 'attendance', 'ticket_id', 'tickets.ticket_id',
            'occasion_id is null'
        ) }}

    ),

    -- A place is taken once, however often it is recorded.
    outcomes as (

        select
            occasion_id,
            coalesce(ticket_id, attendance_id) as place_id,
            min(ticket_id) as ticket_id,
            min(user_id) as user_id,
            bool_or(state = 'attended') as is_attended,
            min(recorded_at) as first_recorded_at,
            max(recorded_at) as last_recorded_at
        from recorded
        group by occasion_id, coalesce(ticket_id, attendance_id)

    )

    select
        coalesce(tickets.occasion_id, outcomes.occasion_id) as occasion_id,
        coalesce(tickets.user_id, outcomes.user_id, '') as user_id,
        coalesce(tickets.state, 'none') as ticket_state,
        coalesce(tickets.is_valid, false) as is_valid,
        outcomes.is_attended,
        outcomes.first_recorded_at,
        outcomes.last_recorded_at,
        tickets.issued_at
    from tickets
    full join outcomes
        on tickets.ticket_id = outcomes.ticket_id and tickets.occasion_id = outcomes.occasion_id
{%- endmacro %}

{# Before a model that follows single occasions: those of which anything was or is on a day
   that their tables changed. Who came is recorded on another day when it is after midnight,
   and an erasure leaves nothing of it but what we made. #}
{% macro record_changed_occasions() -%}
    {%- if is_partial() -%}
        insert into ops.changed_units (build_id, model, unit_key)
        with

        changed as (

            {{ changed_instants(
                ['raw.app_occasions', 'raw.app_tickets', 'raw.app_attendance']
            ) }}

        ),

        touched as (

            {{ instants_touched_otherwise() }}

        )

        select
            {{ build_id() }},
            'raw.app_occasions',
            made.occasion_id
        from touched
        inner join {{ this }} as made
            on made.last_recorded_on >= touched.day and made.first_recorded_on <= touched.day
        union
        select
            {{ build_id() }},
            'raw.app_occasions',
            found.occasion_id
        from changed
        cross join lateral (
            select occasions.occasion_id
            from raw.app_occasions as occasions
            where
                occasions.starts_at >= changed.starts_at
                and occasions.starts_at < changed.ends_at
            union all
            select tickets.occasion_id
            from raw.app_tickets as tickets
            where
                tickets.issued_at >= changed.starts_at
                and tickets.issued_at < changed.ends_at
            union all
            select coalesce(attendance.occasion_id, tickets.occasion_id)
            from raw.app_attendance as attendance
            left join raw.app_tickets as tickets
                on attendance.occasion_id is null and attendance.ticket_id = tickets.ticket_id
            where
                attendance.recorded_at >= changed.starts_at
                and attendance.recorded_at < changed.ends_at
            union all
            select made.occasion_id
            from {{ this }} as made
            where made.occasion_on = changed.day
        ) as found
        where found.occasion_id is not null
        on conflict do nothing;

        analyze ops.changed_units
    {%- endif -%}
{%- endmacro %}
