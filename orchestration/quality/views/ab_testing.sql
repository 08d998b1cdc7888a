-- One row per experiment, under the columns of the tracker before us: A is the control, B the
-- treatment, by the first primary metric. Counts, rates and winner are null for more than two
-- arms: see experiment_results. Counts are of units whose window is over.
select
    md5(experiments.experiment_id)::uuid as id,
    experiments.experiment_id as test_name,
    null::text as test_type,
    to_jsonb(experiments.variants) as variants,
    (
        select sum(counted.unit_count)::bigint
        from published_data.experiment_statistics as counted
        where
            counted.experiment_id = experiments.experiment_id
            and counted.metric_name = metrics.metric_name
            and counted.phase = experiments.phase
            and counted.dimension = 'all'
    ) as total_participants,
    results.control_unit_count as variant_a_participants,
    results.unit_count as variant_b_participants,
    results.control_conversion_count as variant_a_conversions,
    results.conversion_count as variant_b_conversions,
    round(
        results.control_conversion_count / nullif(results.control_unit_count, 0)::numeric, 8
    ) as variant_a_conversion_rate,
    round(results.conversion_count / nullif(results.unit_count, 0)::numeric, 8)
        as variant_b_conversion_rate,
    1 - experiments.alpha as confidence_level,
    case results.verdict when 'ship' then 'B' when 'stop' then 'A' end as winner,
    experiments.state = 'RUNNING' as is_active,
    experiments.starts_at as start_date,
    experiments.ends_at as end_date
from published.experiments as experiments
inner join (
    select distinct on (experiment_id)
        experiment_id,
        metric_name
    from registry.experiment_metrics
    where role = 'primary'
    order by experiment_id, metric_index
) as metrics on experiments.experiment_id = metrics.experiment_id
left join published_data.experiment_results as results
    on
        experiments.experiment_id = results.experiment_id
        and metrics.metric_name = results.metric_name
        and cardinality(experiments.variants) = 2
