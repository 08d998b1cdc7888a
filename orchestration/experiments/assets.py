"""Results of experiments as an asset: the analyse stage, after dbt has counted."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.experiments.publication import RESULTS, TABLES
from orchestration.experiments.storing import analyse
from orchestration.resources import OWNERS, Warehouse, small_table

tables = [
    dg.AssetSpec(
        ["experiments", table.made_name],
        group_name="experiments",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[["experiments", "experiment_results"]],
        description=table.description,
    )
    for table in TABLES
    if table is not RESULTS
]


@dg.asset(
    key_prefix="experiments",
    group_name="experiments",
    kinds={"python", "postgres"},
    owners=OWNERS,
    deps=[["ops", "builds"]],
    check_specs=[
        dg.AssetCheckSpec(
            "placebos_differ_no_more_than_chance_allows",
            asset=["experiments", "experiment_results"],
            description="Real units split at random, once a day and 200 times.",
        )
    ],
)
def experiment_results(
    warehouse: Warehouse,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Every treatment arm against its control, one row per experiment and metric.

    Fixed and sequential intervals, the test of the sample ratio and the verdict, over
    the statistics that dbt made; and the same by browser and by kind of device. The
    same statistics change no row.
    """
    with warehouse.connection("daybook analyse") as connection:
        timezone = warehouse.settings.timezone
        results, changed = analyse(connection, timezone=timezone)
        placebo = None
        if results:
            # It takes scipy, as the results did.
            from orchestration.experiments.placebos import (  # noqa: PLC0415
                try_placebos,
            )

            today = datetime.now(ZoneInfo(timezone)).date()
            placebo = try_placebos(connection, day=today)
    columns = (
        *("experiment_id", "metric_name", "variant"),
        *("outcome", "verdict", "reason"),
    )
    yield dg.MaterializeResult(
        metadata={
            "rows_changed": changed,
            "results": small_table(
                {name: getattr(result, name) for name in columns} for result in results
            ),
        }
    )
    yield dg.AssetCheckResult(
        check_name="placebos_differ_no_more_than_chance_allows",
        passed=placebo is None or not placebo.is_alarming,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "splits": placebo.split_count if placebo else 0,
            "false_positives": placebo.false_positive_count if placebo else 0,
        },
    )
