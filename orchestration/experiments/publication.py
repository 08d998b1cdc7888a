"""What readers see of experiments besides what dbt made.

These are `published.experiment_results`, `published.experiment_results_by_dimension`,
`published.experiment_assignments` and `published.experiment_placebos`.
"""

from orchestration.experiments.storing import KEYS
from orchestration.quality.published_tables import PublishedTable

RESULTS = PublishedTable(
    name="experiment_results",
    schema="experiments",
    key=KEYS["experiment_results"],
    description=(
        "One row per experiment, metric and treatment arm: its value against the "
        "control, what the metric shows, and the verdict on the arm."
    ),
)
RESULTS_BY_DIMENSION = PublishedTable(
    name="experiment_results_by_dimension",
    schema="experiments",
    key=KEYS["experiment_results_by_dimension"],
    description=(
        "One row per experiment, metric, treatment arm, dimension and value: the same "
        "among units that share the value. For information; nothing decides here."
    ),
)
ASSIGNMENTS = PublishedTable(
    name="experiment_assignments",
    schema="experiments",
    made_as="assignments",
    key=KEYS["assignments"],
    description=(
        "One row per experiment, phase, logged variant and variant that the declared "
        "weights give, where the file says by whom units are assigned."
    ),
)
PLACEBOS = PublishedTable(
    name="experiment_placebos",
    schema="experiments",
    made_as="placebos",
    key=("placebo_on",),
    description=(
        "One row per day: real units split at random, how many splits seemed to "
        "differ, and how probable so many are by chance."
    ),
)
TABLES = (RESULTS, RESULTS_BY_DIMENSION, ASSIGNMENTS, PLACEBOS)
