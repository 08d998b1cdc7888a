{# Rows of an event query that lie in the chains this build rebuilds. The extents end 30
   minutes after a chain, where its last background events may be. #}
{% macro in_claimed_extents(events) -%}
    {%- if is_partial() -%}
        exists (
            select from ops.build_extents as extents
            where
                extents.build_id = {{ build_id() }}
                and extents.device_id = {{ events }}.device_id
                and {{ events }}.occurred_at between extents.from_at and extents.to_at
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# What sessions need of an event: every column more is sorted and spilled with it. #}
{% macro session_columns() -%}
    {{ return([
        'device_id', 'user_id', 'source', 'source_sequence', 'event_id', 'event_name',
        'occurred_on', 'occurred_at', 'client_session_id', 'page_path',
        'is_interactive', 'is_excluded', 'exclusion',
        heartbeat_slot() ~ ' as heartbeat_slot',
    ]) }}
{%- endmacro %}

{# The CTEs that give every event of `events` its session (SEMANTICS 2.2), as `placed`.
   Excluded events have
   sessions of their own, so that dropping these equals never having had the events. The
   sessions of one kind never share an instant: (device_id, is_excluded, started_at) is one. #}
{% macro placed_events() -%}
    neighboured as (

        select
            *,
            max(occurred_at) filter (where is_interactive) over (
                partition by device_id, is_excluded order by occurred_at
                rows between unbounded preceding and 1 preceding
            ) as previous_at
        from events

    ),

    chained as (

        select
            *,
            max(occurred_at) filter (
                where
                is_interactive
                and (
                    previous_at is null
                    or occurred_at > previous_at + interval '30 minutes'
                )
            ) over (
                partition by device_id, is_excluded order by occurred_at
            ) as chain_started_at,
            max(occurred_at) filter (where is_interactive) over (
                partition by device_id, is_excluded order by occurred_at
            ) as active_at
        from neighboured

    ),

    -- Only chains longer than 24 hours are cut, each by binary search in its instants.
    long_chains as (

        select
            device_id,
            is_excluded,
            chain_started_at
        from chained
        where is_interactive
        group by device_id, is_excluded, chain_started_at
        having max(occurred_at) > chain_started_at + interval '24 hours'

    ),

    instants as (

        select
            device_id,
            is_excluded,
            chain_started_at,
            array_agg(distinct occurred_at order by occurred_at) as moments
        from chained
        inner join long_chains using (device_id, is_excluded, chain_started_at)
        where is_interactive
        group by device_id, is_excluded, chain_started_at

    ),

    cuts as (

        select
            device_id,
            is_excluded,
            chain_started_at,
            moments,
            moments[1] as cut_at
        from instants

        union all

        select
            device_id,
            is_excluded,
            chain_started_at,
            moments,
            {{ next_cut() }}
        from cuts
        where {{ next_cut() }} is not null

    ),

    cut_chains as (

        select
            device_id,
            is_excluded,
            chain_started_at,
            array_agg(cut_at order by cut_at) as cut_moments
        from cuts
        group by device_id, is_excluded, chain_started_at

    ),

    -- A background event belongs to the latest session, until 30 minutes after its last
    -- interactive event so far.
    placed as (

        select
            chained.*,
            coalesce(
                cut_chains.cut_moments[
                    width_bucket(chained.occurred_at, cut_chains.cut_moments)
                ],
                chained.chain_started_at
            ) as started_at
        from chained
        left join cut_chains using (device_id, is_excluded, chain_started_at)
        where chained.occurred_at <= chained.active_at + interval '30 minutes'

    )
{%- endmacro %}

{# The first instant more than 24 hours after a cut; null past the end of the chain. #}
{% macro next_cut() -%}
    moments[width_bucket(cut_at + interval '24 hours', moments) + 1]
{%- endmacro %}

{# Values of one column in the total order of events, to take the first or last of. #}
{% macro in_order(column, condition) -%}
    array_agg({{ column }} order by {{ event_order() }}) filter (where {{ condition }})
{%- endmacro %}
