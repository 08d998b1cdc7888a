{# The attempts of funnels that read the same rows, by trying rows, unit by unit. Of all
   units, of those that this build changed, or of those that a condition names. #}
{% macro searched_attempts(funnels, condition='true') -%}
    {%- set funnel = funnels[0] -%}
    select
        plans.funnel_id,
        {{ funnel_unit_id(funnel) }} as unit_id,
        units.session_id,
        {{ attempt_columns('attempts.') }}
    from (
        select
            grouped.funnel_number,
            grouped.unit_key,
            grouped.session_id,
            {{ history_of_group(funnel) }} as history
        from ({{ funnel_rows_of(funnels) }}) as grouped
        where {{ condition }}
        group by grouped.funnel_number, grouped.unit_key, grouped.session_id
    ) as units
    inner join ({{ listed_plans(funnels) }}) as plans
        on units.funnel_number = plans.funnel_number
    cross join lateral funnels.attempts(plans.plan, units.history) as attempts
    where {{ funnel_entry_scope(
        'attempts', 'plans.funnel_number', funnel_unit_id(funnel), funnel
    ) }}
{%- endmacro %}

{# What the model stores of an attempt besides whose it is. #}
{% macro attempt_columns(prefix='') -%}
    {%- set columns = [
        'entered_on', 'entered_at', 'attempt_number', 'candidate_count', 'depth',
        'deepest_step', 'is_completed', 'reached_at', 'window_ends_at', 'excluded_at',
        'drops_unit', 'is_tied', 'breakdown_value',
    ] -%}
    {{ prefix ~ columns | join(', ' ~ prefix) }}
{%- endmacro %}

{# The rows of a unit, named `grouped`, as the search reads them. #}
{% macro history_of_group(funnel) -%}
    row(
        {{ as_array('occurred_at') }},
        {{ as_array('occurred_on') }},
        {{ as_array('mask') }},
        {{ as_array('source_hash') }},
        {{ as_array('source_sequence') }},
        {{ as_array('held') if funnel.is_constant else 'null' }},
        {{ as_array('breakdown_value') if funnel.has_breakdown else 'null' }}
    )::funnels.history
{%- endmacro %}

{% macro as_array(column) -%}
    array_agg(grouped.{{ column }} order by {{ event_order() }})
{%- endmacro %}

{# The plans of funnels, by their number. #}
{% macro listed_plans(funnels) -%}
    {%- set plans = [] -%}
    {%- for funnel in funnels -%}
        {%- do plans.append(
            '(' ~ funnel.funnel_number ~ ", '" ~ funnel.funnel_id ~ "', "
            ~ funnel.plan_sql ~ ')'
        ) -%}
    {%- endfor -%}
    select *
    from (values {{ plans | join(', ') }}) as listed (funnel_number, funnel_id, plan)
{%- endmacro %}

{# The rows that funnels read, one per funnel, with their unit and session. #}
{% macro funnel_rows_of(funnels) -%}
    {%- set funnel = funnels[0] -%}
    {%- set trait = funnel.breakdown_trait -%}
    {%- set is_sessioned = funnel.unit == 'session' or funnel.counting == 'sessions' -%}
    {%- set subject = 'owned.subjects -> (hits.hit >> 32)::text' -%}
    {%- set unit_keys = {
        'person': 'owned.person_key',
        'session': 'sessions.session_id',
        'account': subject ~ " ->> 'account'",
    } -%}
    select
        (hits.hit >> 32)::integer as funnel_number,
        {{ unit_keys[funnel.unit] }} as unit_key,
        {{ 'sessions.session_id' if is_sessioned else "''::text" }} as session_id,
        {{ 'coalesce(in_force.' ~ trait ~ ', first_known.' ~ trait ~ ')' if trait
            else subject ~ " ->> 'by'" }} as breakdown_value,
        {{ hit_columns(subject) }}
    from ({{ owned_rows_of(funnel) }}) as owned
    cross join lateral unnest(owned.hits) as hits (hit)
    {{ session_of_row('owned') if is_sessioned }}
    {{ person_as_of('owned') if trait }}
    where
        {{ is_hit_of(funnels) }}
        and {{ funnel_row_scope('owned', '(hits.hit >> 32)::integer', funnel) }}
        and {{ funnel.clip_sql }}
        and {{ unit_keys[funnel.unit] }} is not null
{%- endmacro %}

{# What a search reads off a row and one of its hits, besides whose it is. #}
{% macro hit_columns(subject) -%}
    {{ subject }} ->> 'held' as held,
    (hits.hit & {{ 2 ** 32 - 1 }})::integer as mask,
    owned.occurred_at,
    owned.occurred_on,
    owned.source,
    case
        when owned.source_sequence is not null then hashtextextended(owned.source, 0)
    end as source_hash,
    owned.source_sequence,
    owned.event_id
{%- endmacro %}

{# Rows with the person who did them, of the days that a funnel and its like read. #}
{% macro owned_rows_of(funnel) -%}
    {{ owned_rows(
        ref('int_funnel_rows'), funnel_row_days('anonymous.occurred_on', funnel)
    ) }}
{%- endmacro %}

{% macro is_hit_of(funnels) -%}
    hits.hit >> 32 in ({{ funnels | map(attribute='funnel_number') | join(', ') }})
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
