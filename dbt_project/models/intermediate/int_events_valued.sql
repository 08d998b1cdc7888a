{{ config(
    unique_key=['occurred_on', 'kind', 'id', 'part', 'source', 'event_id'],
    indexes=[
        {'columns': ['occurred_on', 'kind', 'id', 'part', 'source', 'event_id'], 'unique': true},
    ],
) }}

with

events as (

    select {{ event_columns() | join(', ') }}
    from {{ ref('stg_events__events') }}
    where
        not is_excluded
        and {{ changed_days('occurred_on', ['raw.events']) }}

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
        {{ within_changed_days('occurred_at', ['raw.app']) }}
        and {{ is_counted_account('facts.user_id') }}

),

-- Predicates name columns of the event, so ours are kept apart.
valued as (

    select
        happened.*,
        behaviours.valued_kind as kind,
        behaviours.valued_id as id,
        behaviours.valued_part as part,
        behaviours.valued_unit as unit_value,
        behaviours.valued_breakdown as breakdown,
        behaviours.valued_amount as amount
    from happened,
        lateral (values {{ behaviours() }}) as behaviours (
            valued_kind, valued_id, valued_part, valued_holds, valued_unit,
            valued_breakdown, valued_amount
        )
    where
        behaviours.valued_holds
        and coalesce(behaviours.valued_unit, happened.user_id, happened.device_id)
        is not null

)

select
    is_fact,
    kind,
    id,
    part,
    unit_value,
    breakdown,
    amount,
    currency,
    occurred_on,
    occurred_at,
    source,
    source_sequence,
    event_id,
    device_id,
    user_id
from valued
