{# The funnels in force, as the compiler needs them, each with what it reads and when. #}
{% macro funnel_plans() -%}
    {{ return(registry_rows(
        "select funnel_id, funnel_number, unit, counting, ordering, breakdown_trait, "
        "window_length, ceil(window_seconds / 86400.0)::integer as window_days, "
        "step_count, first_entry, last_entry, "
        "is_constant, has_breakdown, is_swept, plan_sql, clip_sql, engine_hash "
        "from registry.funnel_plans order by funnel_number"
    )) }}
{%- endmacro %}

{# The events and facts that are part of a funnel, each with what it is to each. #}
{% macro rows_of_funnels(days, hits, subjects, fact_days=none) -%}
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

    -- What the name of an event alone makes it: looked up, never computed.
    named as (

        select *
        from (values {{ named_hits(hits.named) }}) as listed (named_event, named_hits)

    ),

    marked as (

        select
            happened.*,
            {{ hits_of_row(hits.tested) }} as hits
        from happened
        left join named
            on happened.event_name = named.named_event

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
        hits,
        {{ subjects }} as subjects
    from marked
    where hits <> '{}'
{%- endmacro %}

{# What events are to funnels: by their name, or by expressions over their columns. #}
{% macro funnel_hits() -%}
    {{ return({
        'named': registry_rows(
            'select event_name, hits::text from registry.funnel_hits order by event_name'
        ),
        'tested': registry_rows(
            'select funnel_number, mask_sql, event_list from registry.funnel_masks '
            'where not is_named order by funnel_number'
        ),
    }) }}
{%- endmacro %}

{% macro named_hits(named) -%}
    {%- set values = ["(null::text, '{}'::bigint[])"] -%}
    {%- for event in named -%}
        {%- do values.append("('" ~ event[0] | replace("'", "''") ~ "', '" ~ event[1] ~ "')") -%}
    {%- endfor -%}
    {{ values | join(', ') }}
{%- endmacro %}

{# The hits of an event: the number of the funnel above 32 bits, the mask below. #}
{% macro hits_of_row(tested) -%}
    coalesce(named_hits, '{}')
    {%- if tested %} || {{ tested_hits(tested) }}{% endif -%}
{%- endmacro %}

{% macro tested_hits(tested) -%}
    {%- set hits = [] -%}
    {%- set names = [] -%}
    {%- for funnel in tested -%}
        {%- do hits.append(
            '(' ~ funnel[0] ~ '::bigint << 32) | nullif(' ~ funnel[1] ~ ', 0)'
        ) -%}
        {%- do names.append(funnel[2]) -%}
    {%- endfor -%}
    case
        when {{ 'true' if none in names else 'event_name in (' ~ names | join(', ') ~ ')' }}
            then array_remove(array[{{ hits | join(', ') }}], null)
        else '{}'
    end
{%- endmacro %}

{# What funnels read off an event besides: values held constant, accounts, breakdowns; by
   funnel, null where there is none. #}
{% macro funnel_subjects() -%}
    {{ subjects_of(registry_rows(
        'select subjects.funnel_number, subjects.subject_sql, masks.mask_sql '
        'from registry.funnel_subjects as subjects '
        'inner join registry.funnel_masks as masks '
        'on subjects.funnel_id = masks.funnel_id order by subjects.funnel_number'
    )) }}
{%- endmacro %}

{% macro subjects_of(subjects) -%}
    {%- set pairs = [] -%}
    {%- for subject in subjects -%}
        {%- do pairs.append(
            "'" ~ subject[0] ~ "', case when (" ~ subject[2] ~ ') <> 0 then '
            ~ subject[1] ~ ' end'
        ) -%}
    {%- endfor -%}
    {{ 'nullif(jsonb_strip_nulls(jsonb_build_object(' ~ pairs | join(', ') ~ ")), '{}')"
        if pairs else 'null::jsonb' }}
{%- endmacro %}

{# The statements that try a funnel without any of it being stored: its rows, and its
   attempts over a table of such rows. The command that asks for them names it. #}
{% macro funnel_trial(trial) -%}
    {{ rows_of_funnels(
        trial['days'],
        {'named': [], 'tested': [[trial['funnel_number'], trial['mask_sql'], none]]},
        subjects_of(trial['subjects'])
    ) }}
    -- attempts
    {{ attempts_of_funnels([trial]) }}
{%- endmacro %}
