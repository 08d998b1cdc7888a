-- One row per experiment, whatever its state: what was declared of it, and since when it is in
-- that state. Weights are those of the newest phase, in the order of the variants.
select
    experiments.experiment_id,
    experiments.version as definition_version,
    experiments.title,
    experiments.state,
    (
        select max(states.since)
        from registry.experiment_states as states
        where states.experiment_id = experiments.experiment_id
    ) as state_since,
    experiments.starts_at,
    experiments.ends_at,
    phases.phase,
    array(
        select arms.variant
        from registry.experiment_arms as arms
        where arms.experiment_id = experiments.experiment_id
        order by arms.arm_index
    ) as variants,
    phases.weights,
    experiments.unit,
    experiments.decision,
    experiments.alpha,
    experiments.correction,
    experiments.expected_units,
    experiments.has_changed
from registry.experiments as experiments
inner join (
    select distinct on (experiment_id)
        experiment_id,
        phase,
        weights
    from registry.experiment_phases
    order by experiment_id, phase desc
) as phases on experiments.experiment_id = phases.experiment_id
