{{ config(
    unique_key=['funnel_id', 'day', 'step_index'],
    indexes=[{'columns': ['funnel_id', 'day', 'step_index'], 'unique': true}],
) }}

with

-- Few kinds of persons, so that steps are asked of kinds and not of persons.
kinds as (

    select
        persons.occurred_on as day,
        persons.funnel_number,
        persons.mask,
        count(*) as person_count
    from {{ ref('int_funnel_persons') }} as persons
    where {{ days_of_funnels(
        'persons.occurred_on', ['int_funnel_persons'], changed_funnels() | length > 0
    ) }}
    group by persons.occurred_on, persons.funnel_number, persons.mask

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
        and steps.funnel_number = kinds.funnel_number
        and kinds.mask & (1 << (steps.step_index - 1)) <> 0
where
    {{ changed_days('days.day', ['int_funnel_persons']) }}
    or {{ is_of_changed_funnel('steps.funnel_id') }}
group by steps.funnel_id, days.day, steps.step_index, steps.step_name
