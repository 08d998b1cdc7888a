-- What the macro reads when executing: an experiment with other goals has other rows.
-- depends_on: {{ source('registry', 'experiment_goals') }}
{{ config(
    unique_key=['occurred_on', 'kind', 'id', 'source', 'event_id'],
    indexes=[
        {'columns': ['occurred_on', 'kind', 'id', 'source', 'event_id'], 'unique': true},
        {'columns': ['kind', 'occurred_on']},
        {'columns': ['user_id']},
        {'columns': ['device_id']},
    ],
) }}

with

events as (

    select {{ event_columns() | join(', ') }}
    from {{ ref('stg_events__events') }}
    where
        not is_excluded
        and coalesce(user_id, device_id) is not null
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
        user_id is not null
        and {{ is_counted_account('facts.user_id') }}
        and {{ within_changed_days('occurred_at', ['raw.app']) }}

),

-- Predicates name columns of the event, so theirs are kept apart.
matched as (

    select
        happened.*,
        predicates.matched_kind as kind,
        predicates.matched_id as id,
        predicates.matched_amount as amount
    from happened,
        lateral (values {{ event_predicates() }}) as predicates (
            matched_kind, matched_id, matched_holds, matched_amount
        )
    where predicates.matched_holds

)

select
    is_fact,
    kind,
    id,
    case when kind = 'exposure' then properties ->> 'variant' end as variant,
    case when kind = 'exposure' then browser_family end as browser_family,
    case when kind = 'exposure' then device_class end as device_class,
    amount,
    occurred_on,
    occurred_at,
    source,
    source_sequence,
    event_id,
    device_id,
    user_id
from matched
