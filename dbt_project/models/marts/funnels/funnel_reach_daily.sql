{{ config(
    unique_key=['funnel_id', 'day', 'step_index'],
    indexes=[{'columns': ['funnel_id', 'day', 'step_index'], 'unique': true}],
) }}

with

-- Few kinds of persons, so that steps are asked of kinds and not of persons.
kinds as (

    select
        persons.occurred_on as day,
        listed.hit,
        count(*) as person_count
    from {{ ref('int_funnel_persons') }} as persons
    cross join lateral unnest(persons.hits) as listed (hit)
    where {{ changed_days('persons.occurred_on', ['int_funnel_persons']) }}
    group by persons.occurred_on, listed.hit

),

days as (

    select distinct day
    from kinds

),

steps as (

    select
        plans.funnel_number,
        steps.*
    from {{ source('registry', 'funnel_plans') }} as plans
    inner join {{ source('registry', 'funnel_steps') }} as steps
        on plans.funnel_id = steps.funnel_id

)

select
    steps.funnel_id,
    days.day,
    steps.step_index,
    steps.step_name,
    coalesce(sum(kinds.person_count), 0)::bigint as person_count
from days
cross join steps
left join kinds
    on
        days.day = kinds.day
        and steps.funnel_number = kinds.hit >> 32
        and kinds.hit & (1 << (steps.step_index - 1)) <> 0
group by steps.funnel_id, days.day, steps.step_index, steps.step_name
