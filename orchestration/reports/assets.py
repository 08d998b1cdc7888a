"""Reports as assets: each rendered once per day and version of the data."""

import dagster as dg

from orchestration.reports.overview_report import make_overview
from orchestration.resources import OWNERS, Warehouse, patiently

# A report that takes longer waits for something; the next try may not have to.
SECONDS = 120
RETRIES = dg.RetryPolicy(
    max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@dg.asset(
    key_prefix="reports",
    group_name="reports",
    kinds={"html", "csv"},
    owners=OWNERS,
    deps=[["published", "closed_days"]],
)
def daily_overview(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """The last complete day on one page, beside the day before and the week before.

    The same version of the data gives the same file, byte for byte.
    """
    with (
        patiently(context, RETRIES),
        warehouse.connection(
            "daybook report", autocommit=True, seconds=SECONDS
        ) as connection,
    ):
        made = make_overview(connection, folder=warehouse.settings.home / "reports")
    if made is None:
        return dg.MaterializeResult(metadata={"skipped": "no complete day yet"})
    return dg.MaterializeResult(
        metadata={
            "day": made.day.isoformat(),
            "is_new": made.execution.is_new,
            **{
                kind: dg.MetadataValue.path(str(path))
                for kind, path in made.execution.paths.items()
            },
        }
    )
