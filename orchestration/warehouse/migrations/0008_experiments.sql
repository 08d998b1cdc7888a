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
    -- Of the lift, where the experiment names a prior; for information.
    posterior_lift double precision,
    posterior_low double precision,
    posterior_high double precision,
    chance_better double precision,
    expected_loss double precision,
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
drop column posterior_lift,
drop column posterior_low,
drop column posterior_high,
drop column chance_better,
drop column expected_loss,
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

-- erfc, which Postgres has from version 16 on: W. J. Cody (1969), Rational Chebyshev approximations
-- for the error function, Mathematics of Computation 23, 631-637; right to about 1e-15.
create function published.erfc(x double precision) returns double precision
language plpgsql immutable strict parallel safe as $$
declare
    y double precision := abs(x);
    s double precision := x * x;
    tail double precision;
begin
    if y <= 0.46875 then
        return 1 - x * (
            (((0.185777706184603153 * s + 3.16112374387056560) * s
            + 113.864154151050156) * s + 377.485237685302021) * s + 3209.37758913846947
        ) / (
            (((s + 23.6012909523441209) * s + 244.024637934444173) * s
            + 1282.61652607737228) * s + 2844.23683343917062
        );
    elsif y <= 4 then
        tail := exp(-s) * (
            (((((((2.15311535474403846e-8 * y + 0.564188496988670089) * y
            + 8.88314979438837594) * y + 66.1191906371416295) * y
            + 298.635138197400131) * y + 881.952221241769090) * y
            + 1712.04761263407058) * y + 2051.07837782607147) * y + 1230.33935479799725
        ) / (
            (((((((y + 15.7449261107098347) * y + 117.693950891312499) * y
            + 537.181101862009858) * y + 1621.38957456669019) * y
            + 3290.79923573345963) * y + 4362.61909014324716) * y
            + 3439.36767414372164) * y + 1230.33935480374942
        );
    elsif s > 700 then
        tail := 0;
    else
        s := 1 / s;
        tail := exp(-y * y) / y * (
            1 / sqrt(pi()) - s * (
                ((((0.0163153871373020978 * s + 0.305326634961232344) * s
                + 0.360344899949804439) * s + 0.125781726111229246) * s
                + 0.0160837851487422766) * s + 0.000658749161529837803
            ) / (
                ((((s + 2.56852019228982242) * s + 1.87295284992346725) * s
                + 0.527905102951428412) * s + 0.0605183413124413191) * s
                + 0.00233520497626869185
            )
        );
    end if;
    return case when x < 0 then 2 - tail else tail end;
end
$$;

-- The two-sided z-test of two proportions, as experiments make it, for any counts of a reader: null
-- where nobody or everybody converted in both.
create function published.compare_proportions(
    control_conversions bigint, control_units bigint, conversions bigint, units bigint
) returns table (difference double precision, z double precision, p_value double precision)
language sql immutable parallel safe as $$
    select
        apart.difference,
        apart.difference / nullif(apart.error, 0),
        published.erfc(abs(apart.difference / nullif(apart.error, 0)) / sqrt(2::float8))
    from (
        select
            conversions::float8 / units - control_conversions::float8 / control_units
                as difference,
            sqrt(
                (control_conversions + conversions)::float8
                / (control_units + units)
                * ((control_units + units - control_conversions - conversions)::float8
                / (control_units + units))
                * (1 / control_units::float8 + 1 / units::float8)
            ) as error
    ) as apart
$$;
