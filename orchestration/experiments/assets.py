"""Results of experiments as an asset: the analyse stage, after dbt has counted."""

import dagster as dg

from orchestration.experiments.results import read_results, store_results
from orchestration.resources import OWNERS, Warehouse, small_table


@dg.asset(
    key_prefix="experiments",
    group_name="experiments",
    kinds={"python", "postgres"},
    owners=OWNERS,
    deps=[["ops", "builds"]],
)
def experiment_results(warehouse: Warehouse) -> dg.MaterializeResult:
    """Every treatment arm against its control, one row per experiment and metric.

    Fixed and sequential intervals, the test of the sample ratio and the verdict, over
    the counts that dbt made. The same counts change no row.
    """
    with warehouse.connection("daybook analyse") as connection:
        results = read_results(connection)
        changed = store_results(connection, results)
    columns = (
        *("experiment_id", "metric_name", "variant"),
        *("outcome", "verdict", "reason"),
    )
    return dg.MaterializeResult(
        metadata={
            "rows_changed": changed,
            "results": small_table(
                {name: getattr(result, name) for name in columns} for result in results
            ),
        }
    )
