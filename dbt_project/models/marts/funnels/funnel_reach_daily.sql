{{ config(
    unique_key=['funnel_id', 'day', 'step_index'],
    indexes=[{'columns': ['funnel_id', 'day', 'step_index'], 'unique': true}],
) }}

with

-- Few kinds of persons, so that steps are asked of kinds and not of persons.
kinds as (

    select
        occurred_on as day,
        masks,
        count(*) as person_count
    from {{ ref('int_funnel_persons') }}
    where {{ changed_days('occurred_on', ['int_funnel_persons']) }}
    group by occurred_on, masks

),

counted as (

    select
        steps.funnel_id,
        kinds.day,
        steps.step_index,
        steps.step_name,
        coalesce(
            sum(kinds.person_count) filter (
                where kinds.masks[plans.funnel_number] & (1 << (steps.step_index - 1)) <> 0
            ),
            0
        )::bigint as person_count
    from kinds
    cross join {{ source('registry', 'funnel_plans') }} as plans
    inner join {{ source('registry', 'funnel_steps') }} as steps
        on plans.funnel_id = steps.funnel_id
    group by steps.funnel_id, kinds.day, steps.step_index, steps.step_name

)

select * from counted
