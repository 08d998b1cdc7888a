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
    verdict text not null check (verdict in ('immature', 'inconclusive', 'better', 'worse')),
    reason text not null,
    primary key (experiment_id, metric_name, variant)
);

comment on table experiments.experiment_results is
'One row per experiment, metric and treatment arm: its rate against the control.';
