{%- set parents = ['int_events_matched', 'identity.device_owners'] -%}
{%- set window_days = funnel_window_days() -%}

{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['funnel_id', 'person_id', 'entered_on'],
    indexes=[
        {'columns': ['funnel_id', 'person_id', 'entered_on'], 'unique': true},
        {'columns': ['entered_on']},
    ],
) }}

with recursive

owned as (

    {{ owned_rows(ref('int_events_matched'), "anonymous.kind = 'funnel' and "
        ~ changed_days('anonymous.occurred_on', parents, window_days, window_days)) }}

),

matched as (

    select
        owned.*,
        funnels.funnel_id,
        owned.part as step_index,
        funnels.window_seconds
    from owned
    inner join {{ source('registry', 'funnels') }} as funnels
        on owned.id = funnels.funnel_id

),

{{ funnel_walks() }},

-- The unit counts by its deepest candidate of the day, then by the earliest.
ranked as (

    select
        *,
        row_number() over (
            partition by funnel_id, person_key, entered_on, entry_position
            order by cardinality(positions) desc
        ) as depth_rank
    from walks

),

best as (

    select distinct on (funnel_id, person_key, entered_on)
        *,
        max(entered_at) over (
            partition by funnel_id, person_key, entered_on
        ) as last_entered_at
    from ranked
    where depth_rank = 1
    order by
        funnel_id asc,
        person_key asc,
        entered_on asc,
        cardinality(positions) desc,
        entry_position asc

)

select
    funnel_id,
    {{ person_id('person_key') }} as person_id,
    entered_on,
    entered_at,
    cardinality(positions) as deepest_step,
    reached_at,
    last_entered_at + make_interval(secs => window_seconds) as window_ends_at
from best
where {{ changed_days('entered_on', parents, window_days) }}
