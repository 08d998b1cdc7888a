-- One row per change of an experiment's state, with the definition that made it and since when
-- it is meant; DELETED where a draft was taken back.
select
    experiment_id,
    version as definition_version,
    state,
    since
from registry.experiment_states
