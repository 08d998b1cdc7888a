{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['experiment_id', 'phase', 'metric_name', 'variant', 'dimension',
        'dimension_value', 'exposed_on'],
    indexes=[
        {'columns': ['experiment_id', 'phase', 'metric_name', 'variant', 'dimension',
            'dimension_value', 'exposed_on'], 'unique': true},
    ],
) }}

with

-- Of the units exposed before a day that stays, so that a cap stays what it was.
caps as (

    select
        units.experiment_id,
        units.phase,
        units.metric_name,
        percentile_disc(metrics.cap_quantile::float8) within group (
            order by units.value
        ) as cap
    from {{ ref('experiment_units') }} as units
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on
            units.experiment_id = metrics.experiment_id
            and units.metric_name = metrics.metric_name
    where units.value <> 0 and units.exposed_on < metrics.cap_frozen_on
    group by
        units.experiment_id, units.phase, units.metric_name, metrics.cap_quantile

),

counted as (

    select
        exposures.*,
        metrics.metric_name,
        coalesce(units.denominator, 0) as denominator,
        coalesce(units.earlier_denominator, 0) as earlier_denominator,
        coalesce(units.has_history, false) as has_history,
        least(coalesce(units.value, 0), coalesce(metrics.cap_value, caps.cap)) as value,
        least(
            coalesce(units.covariate, 0), coalesce(metrics.cap_value, caps.cap)
        ) as covariate
    from {{ ref('experiment_exposures') }} as exposures
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on exposures.experiment_id = metrics.experiment_id
    left join {{ ref('experiment_units') }} as units
        on
            exposures.experiment_id = units.experiment_id
            and exposures.phase = units.phase
            and metrics.metric_name = units.metric_name
            and exposures.person_id = units.person_id
    left join caps
        on
            exposures.experiment_id = caps.experiment_id
            and exposures.phase = caps.phase
            and metrics.metric_name = caps.metric_name

)

select
    experiment_id,
    phase,
    metric_name,
    variant,
    is_control,
    {{ grouped_dimension(['browser_family', 'device_class']) }},
    exposed_on,
    {{ arm_statistics() | join(', ') }}
from counted
group by
    grouping sets ((), (browser_family), (device_class)),
    experiment_id,
    phase,
    metric_name,
    variant,
    is_control,
    exposed_on
