{# The funnels in force, as the compiler needs them, each with what it reads and when. #}
{% macro funnel_plans() -%}
    {{ return(registry_rows(
        "select funnel_id, funnel_number, unit, counting, breakdown_trait, "
        "ceil(window_seconds / 86400.0)::integer as window_days, "
        "is_constant, has_breakdown, plan_sql, clip_sql, engine_hash "
        "from registry.funnel_plans order by funnel_number"
    )) }}
{%- endmacro %}

{# The events and facts that are part of a funnel, each with what it is to each. #}
{% macro rows_of_funnels(days, masks, subjects, fact_days=none) -%}
    with

    events as (

        select {{ event_columns() | join(', ') }}
        from {{ ref('stg_events__events') }}
        where
            not is_excluded
            and coalesce(user_id, device_id) is not null
            and {{ days }}

    ),

    happened as (

        select
            false as is_fact,
            events.*
        from events
        union all
        select
            true as is_fact,
            facts.*
        from {{ ref('int_facts_dated') }} as facts
        where
            user_id is not null
            and {{ fact_days or days }}

    ),

    masked as (

        select
            *,
            {{ masks }} as masks
        from happened

    )

    select
        is_fact,
        occurred_on,
        occurred_at,
        source,
        source_sequence,
        event_id,
        device_id,
        user_id,
        masks,
        {{ subjects }} as subjects
    from masked
    where 0 <> any(masks)
{%- endmacro %}

{# What an event is to each funnel: one mask per funnel, in the order of their numbers. #}
{% macro funnel_masks() -%}
    {%- set masks = registry_rows(
        'select mask_sql from registry.funnel_masks order by funnel_number'
    ) -%}
    array[{{ masks | map(attribute=0) | join(', ') }}]::integer[]
{%- endmacro %}

{# What the rows of a group are to each funnel, taken together. #}
{% macro united_masks() -%}
    {%- set united = [] -%}
    {%- for funnel in funnel_plans() -%}
        {%- do united.append('bit_or(masks[' ~ funnel.funnel_number ~ '])') -%}
    {%- endfor -%}
    array[{{ united | join(', ') }}]::integer[]
{%- endmacro %}

{# What funnels read off an event besides: values held constant, accounts, breakdowns; by
   funnel, null where there is none. #}
{% macro funnel_subjects() -%}
    {{ subjects_of(registry_rows(
        'select funnel_number, subject_sql from registry.funnel_subjects '
        'order by funnel_number'
    )) }}
{%- endmacro %}

{% macro subjects_of(subjects) -%}
    {%- set pairs = [] -%}
    {%- for subject in subjects -%}
        {%- do pairs.append(
            "'" ~ subject[0] ~ "', case when masks[" ~ subject[0] ~ '] <> 0 then '
            ~ subject[1] ~ ' end'
        ) -%}
    {%- endfor -%}
    nullif(jsonb_strip_nulls(jsonb_build_object({{ pairs | join(', ') }})), '{}')
{%- endmacro %}

{# The statements that try a funnel without any of it being stored: its rows, and its
   attempts over a table of such rows. The command that asks for them names it. #}
{% macro funnel_trial(trial) -%}
    {{ rows_of_funnels(trial['days'], 'array[' ~ trial['mask_sql'] ~ ']::integer[]',
        subjects_of(trial['subjects'])) }}
    -- attempts
    {{ funnel_attempts_of(trial) }}
{%- endmacro %}

{# The attempts of one funnel, of all its units or of those that this build changed. #}
{% macro funnel_attempts_of(funnel) -%}
    select
        '{{ funnel.funnel_id }}'::text as funnel_id,
        {{ funnel_unit_id(funnel) }} as unit_id,
        units.session_id,
        attempts.*
    from (
        select
            grouped.unit_key,
            grouped.session_id,
            row(
                {{ as_array('occurred_at') }},
                {{ as_array('occurred_on') }},
                {{ as_array('mask') }},
                {{ as_array('source_hash') }},
                {{ as_array('source_sequence') }},
                {{ as_array('held') if funnel.is_constant else 'null' }},
                {{ as_array('breakdown_value') if funnel.has_breakdown else 'null' }}
            )::funnels.history as history
        from ({{ funnel_rows_of(funnel) }}) as grouped
        group by grouped.unit_key, grouped.session_id
    ) as units
    cross join lateral funnels.attempts({{ funnel.plan_sql }}, units.history) as attempts
    where {{ funnel_entry_scope('attempts', funnel_unit_id(funnel), funnel) }}
{%- endmacro %}

{% macro as_array(column) -%}
    array_agg(grouped.{{ column }} order by {{ event_order() }})
{%- endmacro %}

{# The rows that one funnel reads, with their unit and session. #}
{% macro funnel_rows_of(funnel) -%}
    {%- set number = funnel.funnel_number -%}
    {%- set trait = funnel.breakdown_trait -%}
    {%- set is_sessioned = funnel.unit == 'session' or funnel.counting == 'sessions' -%}
    {%- set subject = "owned.subjects -> '" ~ number ~ "'" -%}
    {%- set unit_keys = {
        'person': 'owned.person_key',
        'session': 'sessions.session_id',
        'account': subject ~ " ->> 'account'",
    } -%}
    select
        {{ unit_keys[funnel.unit] }} as unit_key,
        {{ 'sessions.session_id' if is_sessioned else "''::text" }} as session_id,
        {{ 'coalesce(in_force.' ~ trait ~ ', first_known.' ~ trait ~ ')' if trait
            else subject ~ " ->> 'by'" }} as breakdown_value,
        {{ subject }} ->> 'held' as held,
        owned.masks[{{ number }}] as mask,
        owned.occurred_at,
        owned.occurred_on,
        owned.source,
        case
            when owned.source_sequence is not null then hashtextextended(owned.source, 0)
        end as source_hash,
        owned.source_sequence,
        owned.event_id
    from (
        {{ owned_rows(ref('int_funnel_rows'), 'anonymous.masks[' ~ number ~ '] <> 0 and '
            ~ funnel_row_days('anonymous.occurred_on', funnel)) }}
    ) as owned
    {{ session_of_row('owned') if is_sessioned }}
    {{ person_as_of('owned') if trait }}
    where
        {{ funnel_row_scope('owned', funnel) }}
        and {{ funnel.clip_sql }}
        and {{ unit_keys[funnel.unit] }} is not null
{%- endmacro %}

{% macro funnel_unit_id(funnel) -%}
    {{ {
        'person': person_id('units.unit_key'),
        'session': 'units.unit_key',
        'account': hashed_key(["'account'", 'units.unit_key']),
    }[funnel.unit] }}
{%- endmacro %}

{# The session of a row (SEMANTICS 2.2): the latest that it may belong to, by its device, or
   by its user where it has no device. #}
{% macro session_of_row(relation) -%}
    inner join lateral (
        select candidates.session_id
        from {{ ref('int_events_sessionized') }} as candidates
        where
            not candidates.is_excluded
            and candidates.started_at <= {{ relation }}.occurred_at
            and candidates.started_at
            >= {{ relation }}.occurred_at - interval '25 hours'
            and candidates.ended_at
            >= {{ relation }}.occurred_at - interval '30 minutes'
            and case
                when {{ relation }}.device_id is not null
                    then candidates.device_id = {{ relation }}.device_id
                else candidates.user_id = {{ relation }}.user_id
            end
        order by candidates.started_at desc, candidates.session_id asc
        limit 1
    ) as sessions on true
{%- endmacro %}

{# What the app said of the user at that instant; before its first word, that one. #}
{% macro person_as_of(relation) -%}
    left join {{ ref('stg_app__person_versions') }} as in_force
        on
            {{ id_in_key(relation ~ '.person_key', 'user') }} = in_force.user_id
            and in_force.valid_from <= {{ relation }}.occurred_at
            and coalesce(in_force.valid_to, 'infinity') > {{ relation }}.occurred_at
    left join {{ ref('stg_app__person_versions') }} as first_known
        on
            {{ id_in_key(relation ~ '.person_key', 'user') }} = first_known.user_id
            and first_known.version_number = 1
            and first_known.valid_from > {{ relation }}.occurred_at
{%- endmacro %}
