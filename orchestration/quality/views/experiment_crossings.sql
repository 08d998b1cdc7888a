-- One row per experiment, phase and pair of arms that the same persons met, in the order of the
-- arms: they are in no comparison. Who met three arms counts in three pairs.
select
    exposures.experiment_id,
    exposures.phase,
    first_arms.variant,
    second_arms.variant as other_variant,
    count(*) as unit_count
from published_data.experiment_exposures as exposures
inner join registry.experiment_arms as first_arms
    on
        exposures.experiment_id = first_arms.experiment_id
        and exposures.arms_met & (1 << (first_arms.arm_index - 1)) <> 0
inner join registry.experiment_arms as second_arms
    on
        exposures.experiment_id = second_arms.experiment_id
        and first_arms.arm_index < second_arms.arm_index
        and exposures.arms_met & (1 << (second_arms.arm_index - 1)) <> 0
where exposures.is_multi_arm
group by
    exposures.experiment_id, exposures.phase, first_arms.variant, second_arms.variant
