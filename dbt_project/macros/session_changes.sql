{% macro session_key_columns() -%}
    {{ return(['session_id', 'device_id', 'is_excluded', 'started_at', 'ended_at']) }}
{%- endmacro %}

{# Which session has the events of one whose key is replaced: those of the same device
   that overlap it. What led to a session that nothing replaces leads nowhere. #}
{% macro log_session_changes(removed, fresh) -%}
    , replaced as (

        select
            gone.session_id as old_session_id,
            found.session_id as new_session_id,
            gone.started_at as old_started_at,
            found.started_at as new_started_at,
            count(*) over (partition by gone.session_id) as new_count,
            count(*) over (partition by found.session_id) as old_count
        from {{ removed }} as gone
        inner join {{ fresh }} as found
            on
                gone.device_id = found.device_id
                and gone.is_excluded = found.is_excluded
                and gone.started_at <= found.ended_at
                and gone.ended_at >= found.started_at

    ),

    logged as (

        insert into ops.session_changes (
            build_id, old_session_id, new_session_id, reason,
            old_started_at, new_started_at
        )
        select
            {{ build_id() }},
            old_session_id,
            new_session_id,
            case
                when new_count > 1 then 'split'
                when old_count > 1 then 'merged'
                when new_started_at <= old_started_at then 'extended earlier'
                else 'shortened'
            end,
            old_started_at,
            new_started_at
        from replaced
        where old_session_id <> new_session_id
        on conflict do nothing

    ),

    forgotten as (

        delete from ops.session_changes as known
        using {{ removed }} as gone
        where
            known.new_session_id = gone.session_id
            and not exists (
                select from replaced
                where replaced.old_session_id = gone.session_id
            )

    )
{%- endmacro %}
