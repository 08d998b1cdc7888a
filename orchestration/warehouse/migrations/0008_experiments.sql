-- experiments: what the analyse stage concludes from the counts that dbt made.
create schema experiments;

-- One row per experiment, metric and treatment arm, compared with the control.
create table experiments.experiment_results (
    experiment_id text not null,
    metric_name text not null,
    variant text not null,
    control_unit_count bigint not null,
    control_conversion_count bigint not null,
    unit_count bigint not null,
    conversion_count bigint not null,
    multi_arm_unit_count bigint not null,
    control_rate double precision,
    rate double precision,
    difference double precision,
    low double precision,
    high double precision,
    -- Null where the rates carry no information, or too few units were expected to convert.
    p_value double precision,
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
    smallest_expected_count double precision,
    -- Fisher's, only where an expected count is below 5.
    exact_p_value double precision,
    sequential_low double precision,
    sequential_high double precision,
    sequential_p_value double precision,
    -- Within the family; null outside it. Intervals are not adjusted.
    adjusted_p_value double precision,
    -- Null where the control is not distinguishable from zero.
    lift double precision,
    lift_low double precision,
    lift_high double precision,
    sample_ratio_p_value double precision,
    sequential_sample_ratio_p_value double precision,
    sample_ratio_p_value_with_multi_arm double precision,
    primary key (experiment_id, metric_name, variant)
);

comment on table experiments.experiment_results is
'One row per experiment, metric and treatment arm: its rate against the control.';
