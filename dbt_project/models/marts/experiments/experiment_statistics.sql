{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['experiment_id', 'phase', 'metric_name', 'variant', 'dimension',
        'dimension_value', 'exposed_on'],
    indexes=[
        {'columns': ['experiment_id', 'phase', 'metric_name', 'variant', 'dimension',
            'dimension_value', 'exposed_on'], 'unique': true},
        {'columns': ['exposed_on']},
    ],
) }}

with

exposed as (

    select
        {{ columns_of_arms() | join(', ') }},
        count(*) filter (where is_multi_arm) as multi_arm_unit_count,
        count(*) filter (where not is_multi_arm) as unit_count
    from {{ ref('experiment_exposures') }}
    where {{ is_counted_anew(of_metric=false) }}
    group by {{ columns_of_arms() | join(', ') }}

),

-- Everybody exposed, and apart from them those of whom anything counts.
counted as (

    select
        exposed.*,
        metrics.metric_name,
        null::numeric as value,
        null::numeric as covariate,
        null::numeric as denominator,
        null::numeric as earlier_denominator,
        false as has_history
    from exposed
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on exposed.experiment_id = metrics.experiment_id
    union all
    {{ valued_units() }}

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
where {{ is_counted_anew('counted') }}
group by
    grouping sets ((), (browser_family), (device_class)),
    experiment_id,
    phase,
    metric_name,
    variant,
    is_control,
    exposed_on
