{{ config(
    pre_hook=["{{ record_changed_persons() }}", "set local enable_nestloop = off"],
    unique_key=['experiment_id', 'phase', 'person_id'],
    indexes=[
        {'columns': ['person_id', 'experiment_id', 'phase'], 'unique': true},
        {'columns': ['exposed_on']},
    ],
) }}

with

owned as (

    {{ unit_rows(
        ref('int_events_matched'),
        "anonymous.kind = 'exposure' and "
        ~ since_first_experiment('anonymous.occurred_on'),
        is_changed=true
    ) }}

),

counted as (

    select
        {{ person_id('owned.person_key') }} as person_id,
        owned.occurred_on,
        owned.occurred_at,
        owned.browser_family,
        owned.device_class,
        phases.experiment_id,
        phases.phase,
        arms.variant,
        arms.is_control,
        row_number() over (
            partition by phases.experiment_id, phases.phase, owned.person_key
            order by {{ event_order() }}
        ) as position,
        bit_or(1 << (arms.arm_index - 1)) over unit as arms_met
    from owned
    inner join {{ source('registry', 'experiment_phases') }} as phases
        on
            owned.id = phases.experiment_id
            and owned.occurred_at >= phases.starts_at
            and owned.occurred_at < coalesce(phases.ends_at, 'infinity')
    inner join {{ source('registry', 'experiment_arms') }} as arms
        on
            phases.experiment_id = arms.experiment_id
            and owned.variant = arms.variant
    window
        unit as (partition by phases.experiment_id, phases.phase, owned.person_key)

)

select
    experiment_id,
    phase,
    person_id,
    variant,
    is_control,
    arms_met & (arms_met - 1) <> 0 as is_multi_arm,
    occurred_on as exposed_on,
    occurred_at as exposed_at,
    coalesce(browser_family, 'unknown') as browser_family,
    coalesce(device_class, 'unknown') as device_class,
    arms_met
from counted
where position = 1
