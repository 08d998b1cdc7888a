{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['experiment_id', 'metric_name', 'variant', 'exposed_on'],
    indexes=[
        {'columns': ['experiment_id', 'metric_name', 'variant', 'exposed_on'], 'unique': true},
    ],
) }}

with

owned as (

    {{ unit_rows(ref('int_events_matched'), "anonymous.kind = 'experiment' and "
        ~ since_first_experiment('anonymous.occurred_on')) }}

),

-- Materialized, or every comparison of a join would hash anew.
goals as materialized (

    select
        id,
        part,
        occurred_at,
        {{ person_id('person_key') }} as person_id
    from owned

),

-- A unit converts once: by an event strictly after its exposure, inside the window.
converted as (

    select distinct
        exposures.experiment_id,
        metrics.metric_name,
        exposures.person_id
    from {{ ref('experiment_exposures') }} as exposures
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on exposures.experiment_id = metrics.experiment_id
    inner join goals
        on
            exposures.experiment_id = goals.id
            and metrics.metric_index = goals.part
            and exposures.person_id = goals.person_id
            and exposures.exposed_at < goals.occurred_at
            and goals.occurred_at <= coalesce(
                exposures.exposed_at + make_interval(hours => metrics.within_hours),
                'infinity'
            )

)

select
    exposures.experiment_id,
    metrics.metric_name,
    exposures.variant,
    exposures.is_control,
    exposures.exposed_on,
    count(*) filter (where not exposures.is_multi_arm) as unit_count,
    count(converted.person_id) filter (
        where not exposures.is_multi_arm
    ) as conversion_count,
    count(*) filter (where exposures.is_multi_arm) as multi_arm_unit_count
from {{ ref('experiment_exposures') }} as exposures
inner join {{ source('registry', 'experiment_metrics') }} as metrics
    on exposures.experiment_id = metrics.experiment_id
left join converted
    on
        exposures.experiment_id = converted.experiment_id
        and metrics.metric_name = converted.metric_name
        and exposures.person_id = converted.person_id
group by
    exposures.experiment_id,
    metrics.metric_name,
    exposures.variant,
    exposures.is_control,
    exposures.exposed_on
