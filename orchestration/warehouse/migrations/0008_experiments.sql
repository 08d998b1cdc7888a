-- experiments: what the analyse stage concludes from the statistics that dbt made.
create schema experiments;

-- One row per experiment, metric and treatment arm, compared with the control.
create table experiments.experiment_results (
    experiment_id text not null,
    metric_name text not null,
    variant text not null,
    phase integer not null,
    dimension text not null,
    dimension_value text not null,
    metric_type text not null,
    -- Of units whose window is over, and who met one arm alone.
    control_unit_count bigint not null,
    control_conversion_count bigint not null,
    unit_count bigint not null,
    conversion_count bigint not null,
    -- Rates, means, ratios or quantiles, by the type of the metric.
    control_value double precision,
    value double precision,
    difference double precision,
    low double precision,
    high double precision,
    -- Null where nothing is known of the spread.
    p_value double precision,
    sequential_low double precision,
    sequential_high double precision,
    sequential_p_value double precision,
    -- Null where the control is not distinguishable from zero.
    lift double precision,
    lift_low double precision,
    lift_high double precision,
    -- Of the arm, from all metrics of the experiment.
    verdict text not null check (
        verdict in ('invalid', 'immature', 'stop', 'ship', 'inconclusive')
    ),
    reason text not null,
    role text not null,
    decision text not null,
    -- Of the metric, in the direction in which it is good.
    outcome text not null check (outcome in ('immature', 'inconclusive', 'better', 'worse')),
    outcome_reason text not null,
    immature_unit_count bigint not null,
    multi_arm_unit_count bigint not null,
    smallest_expected_count double precision,
    -- Fisher's, only where an expected count is below 5.
    exact_p_value double precision,
    -- What decides, within the family; null outside it. Intervals are not adjusted.
    family_p_value double precision,
    -- Whether what decides is adjusted for what units did before exposure.
    is_adjusted boolean not null,
    adjusted_difference double precision,
    adjusted_low double precision,
    adjusted_high double precision,
    adjusted_p_value double precision,
    adjusted_sequential_low double precision,
    adjusted_sequential_high double precision,
    adjusted_sequential_p_value double precision,
    variance_reduction double precision,
    bias_p_value double precision,
    bias_sequential_p_value double precision,
    sample_ratio_p_value double precision,
    sequential_sample_ratio_p_value double precision,
    sample_ratio_p_value_with_multi_arm double precision,
    primary key (experiment_id, metric_name, variant)
);

comment on table experiments.experiment_results is
'One row per experiment, metric and treatment arm: its value against the control.';

-- One row per experiment, metric, treatment arm, dimension and value, for information.
create table experiments.experiment_results_by_dimension (
    like experiments.experiment_results,
    primary key (experiment_id, metric_name, variant, dimension, dimension_value)
);

alter table experiments.experiment_results_by_dimension
drop column verdict,
drop column reason,
drop column role,
drop column decision,
drop column outcome,
drop column outcome_reason,
drop column immature_unit_count,
drop column multi_arm_unit_count,
drop column smallest_expected_count,
drop column exact_p_value,
drop column family_p_value,
drop column is_adjusted,
drop column adjusted_difference,
drop column adjusted_low,
drop column adjusted_high,
drop column adjusted_p_value,
drop column adjusted_sequential_low,
drop column adjusted_sequential_high,
drop column adjusted_sequential_p_value,
drop column variance_reduction,
drop column bias_p_value,
drop column bias_sequential_p_value,
drop column sample_ratio_p_value,
drop column sequential_sample_ratio_p_value,
drop column sample_ratio_p_value_with_multi_arm;

comment on table experiments.experiment_results_by_dimension is
'One row per experiment, metric, treatment arm, dimension and value.';

-- One row per experiment, phase, logged variant and the variant that the declared weights give.
create table experiments.assignments (
    experiment_id text not null,
    phase integer not null,
    variant text not null,
    expected_variant text not null,
    unit_count bigint not null,
    primary key (experiment_id, phase, variant, expected_variant)
);

-- One row per day on which real units were split at random, many times: how many of the splits
-- differed, which only chance can have made.
create table experiments.placebos (
    placebo_on date primary key,
    experiment_id text not null,
    metric_name text not null,
    unit_count bigint not null,
    -- Splits that could be tested; none where too few units converted.
    split_count bigint not null,
    false_positive_count bigint not null,
    alpha double precision not null,
    -- The probability of at least so many by chance; null without splits.
    p_value double precision
);
