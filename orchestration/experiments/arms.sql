-- Arms of every experiment by metric, and by dimension with value, in the phase that is looked
-- at: the last that anybody was exposed in. A day's units are mature together, when the window of
-- the last of them is over. The last columns are those of `arms.Sums`.
with

phases as (

    select
        experiment_id,
        phase,
        max(exposed_on) - min(exposed_on) + 1 as day_count
    from marts.experiment_statistics
    where (experiment_id, phase) in (
        select experiment_id, max(phase)
        from marts.experiment_statistics
        group by experiment_id
    )
    group by experiment_id, phase

),

counted as (

    select
        statistics.*,
        (
            not metrics.has_window
            or coalesce(
                (statistics.exposed_on + 1)::timestamp at time zone %(timezone)s
                + metrics.takes <= %(complete_at)s,
                false
            )
        )
        and (
            metrics.closes_at is null
            or coalesce(metrics.closes_at <= %(complete_at)s, false)
        ) as is_mature
    from marts.experiment_statistics as statistics
    inner join phases using (experiment_id, phase)
    inner join registry.experiment_windows as metrics using (experiment_id, metric_name)

),

summed as (

    select
        experiment_id,
        dimension,
        dimension_value,
        metric_name,
        variant,
        sum(multi_arm_unit_count)::bigint as multi_arm_unit_count,
        sum(unit_count) filter (where is_mature)::bigint as unit_count,
        sum(unit_count) filter (where not is_mature)::bigint as immature_unit_count,
        sum(conversion_count) filter (where is_mature)::bigint as conversion_count,
        sum(value_sum) filter (where is_mature) as value_sum,
        sum(value_square_sum) filter (where is_mature) as value_square_sum,
        sum(denominator_sum) filter (where is_mature) as denominator_sum,
        sum(denominator_square_sum) filter (where is_mature) as denominator_square_sum,
        sum(denominator_product_sum) filter (where is_mature) as denominator_product_sum,
        sum(covariate_sum) filter (where is_mature) as covariate_sum,
        sum(covariate_square_sum) filter (where is_mature) as covariate_square_sum,
        sum(covariate_product_sum) filter (where is_mature) as covariate_product_sum,
        sum(history_unit_count) filter (where is_mature) as history_unit_count,
        sum(history_product_sum) filter (where is_mature) as history_product_sum,
        sum(denominator_covariate_sum) filter (where is_mature) as denominator_covariate_sum,
        sum(history_denominator_sum) filter (where is_mature) as history_denominator_sum,
        sum(earlier_denominator_sum) filter (where is_mature) as earlier_denominator_sum,
        sum(earlier_denominator_square_sum) filter (where is_mature) as earlier_denominator_square_sum,
        sum(earlier_denominator_value_sum) filter (where is_mature) as earlier_denominator_value_sum,
        sum(earlier_denominator_product_sum) filter (where is_mature) as earlier_denominator_product_sum,
        sum(earlier_denominator_covariate_sum) filter (where is_mature) as earlier_denominator_covariate_sum
    from counted
    group by experiment_id, dimension, dimension_value, metric_name, variant

),

shown as (

    select distinct experiment_id, dimension, dimension_value from summed

)

select
    shown.experiment_id,
    shown.dimension,
    shown.dimension_value,
    phases.phase,
    phases.day_count,
    experiments.decision = 'sequential'
    or coalesce(
        experiments.ends_at + (
            select max(windows.takes) from registry.experiment_windows as windows
            where
                windows.experiment_id = experiments.experiment_id
                and windows.role <> 'secondary'
        ) <= %(complete_at)s,
        false
    ),
    experiments.has_changed,
    experiments.decision,
    experiments.alpha::float8,
    experiments.correction,
    experiments.expected_units,
    experiments.minimum_units,
    experiments.minimum_conversions,
    experiments.minimum_days,
    experiments.prior_mean::float8,
    experiments.prior_deviation::float8,
    metrics.metric_name,
    metrics.role,
    metrics.better,
    metrics.margin::float8,
    metrics.is_in_family,
    metrics.metric_type,
    metrics.quantile::float8,
    metrics.is_adjusted,
    arms.variant,
    coalesce(summed.unit_count, 0),
    coalesce(summed.conversion_count, 0),
    coalesce(summed.multi_arm_unit_count, 0),
    weighted.weights[arms.arm_index],
    coalesce(summed.immature_unit_count, 0),
    coalesce(summed.value_sum, 0),
    coalesce(summed.value_square_sum, 0),
    coalesce(summed.denominator_sum, 0),
    coalesce(summed.denominator_square_sum, 0),
    coalesce(summed.denominator_product_sum, 0),
    coalesce(summed.covariate_sum, 0),
    coalesce(summed.covariate_square_sum, 0),
    coalesce(summed.covariate_product_sum, 0),
    coalesce(summed.history_unit_count, 0),
    coalesce(summed.history_product_sum, 0),
    coalesce(summed.denominator_covariate_sum, 0),
    coalesce(summed.history_denominator_sum, 0),
    coalesce(summed.earlier_denominator_sum, 0),
    coalesce(summed.earlier_denominator_square_sum, 0),
    coalesce(summed.earlier_denominator_value_sum, 0),
    coalesce(summed.earlier_denominator_product_sum, 0),
    coalesce(summed.earlier_denominator_covariate_sum, 0)
from shown
inner join phases on shown.experiment_id = phases.experiment_id
inner join registry.experiments as experiments
    on shown.experiment_id = experiments.experiment_id
inner join registry.experiment_phases as weighted
    on phases.experiment_id = weighted.experiment_id and phases.phase = weighted.phase
inner join registry.experiment_metrics as metrics
    on shown.experiment_id = metrics.experiment_id
inner join registry.experiment_arms as arms
    on shown.experiment_id = arms.experiment_id
left join summed
    on
        shown.experiment_id = summed.experiment_id
        and shown.dimension = summed.dimension
        and shown.dimension_value = summed.dimension_value
        and metrics.metric_name = summed.metric_name
        and arms.variant = summed.variant
order by
    shown.experiment_id,
    shown.dimension,
    shown.dimension_value,
    metrics.metric_index,
    arms.arm_index
