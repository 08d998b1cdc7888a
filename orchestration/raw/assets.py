"""Raw tables: what landed and what the app holds, accepted exactly once."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from orchestration.raw.app_sources import extract_app_sources
from orchestration.raw.day_counts import count_rows, first_kept_month, truth_version
from orchestration.raw.loading import load_landing
from orchestration.raw.pace import Pace
from orchestration.resources import OWNERS, Warehouse, patiently, small_table
from orchestration.settings import read_settings
from orchestration.transform.assets import SOURCES

# Says that a run looks for rows which vanished from the app database.
SWEEP = "daybook/sweep"

SETTINGS = read_settings()
DAYS = dg.DailyPartitionsDefinition(
    # What the UI draws; without retention older days load all the same.
    start_date=first_kept_month(SETTINGS, now=datetime.now(tz=UTC)).isoformat(),
    timezone=SETTINGS.timezone,
    end_offset=2,
)

events = dg.AssetSpec(
    ["raw", "events"],
    group_name="raw",
    kinds={"postgres"},
    owners=OWNERS,
    partitions_def=DAYS,
    deps=[["raw", "landing_files"]],
    description=(
        "Accepted events, one row per event, partitioned by the day they occurred on. "
        "A partition shows how many rows its day held after the last load that touched "
        "it. To build days again, run the job touch_days."
    ),
)

APP_TABLES = {
    name: description
    for (schema, name), description in sorted(SOURCES.items())
    if schema == "raw" and name.startswith("app_")
}


@dg.asset(
    key_prefix="raw",
    group_name="raw",
    kinds={"python", "postgres"},
    owners=OWNERS,
    deps=[["registry", "definitions"]],
)
def landing_files(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """Landing files, one ledger row per content that was ever loaded.

    A run loads what is new and skips, unread, what it knows: running it twice, or
    twice at once, leaves the same rows as running it once.
    """
    with patiently(context):
        report = load_landing(
            warehouse.url,
            settings=warehouse.settings,
            now=datetime.now(tz=UTC),
            progress=Pace(context.log.info),
        )
    for line in report.lines():
        context.log.info(line)
    with warehouse.connection("daybook ui") as connection:
        row_counts = count_rows(connection, report.days)
        version = truth_version(connection)
    for day, row_count in row_counts:
        if DAYS.has_partition_key(day.isoformat()):
            # Outside the run: the purge of old runs must not empty the calendar.
            context.instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    events.key,
                    partition=day.isoformat(),
                    metadata={
                        "dagster/partition_row_count": row_count,
                        "truth": version,
                        "run": context.run.run_id,
                    },
                )
            )
    return dg.MaterializeResult(
        metadata={"sources": small_table(report.by_source()), **report.totals()},
        data_version=dg.DataVersion(version),
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["raw", table],
            group_name="raw",
            kinds={"postgres"},
            owners=OWNERS,
            deps=[landing_files],
            description=description,
        )
        for table, description in APP_TABLES.items()
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "app_database_was_read",
            asset=["raw", "app_persons"],
            description="The app database answered and fitted its mapping.",
        )
    ],
)
def app_tables(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Operational tables with their history, one row per version of a record.

    Reads what changed since the last extract; the night also looks for rows that
    vanished. Where the app database does not answer, the tables stay as they were, the
    check fails, and everything else goes on.
    """
    with patiently(context):
        extracts = extract_app_sources(
            warehouse.url, settings=warehouse.settings, sweep=SWEEP in context.run.tags
        )
    with warehouse.connection("daybook ui") as connection:
        version = dg.DataVersion(truth_version(connection))
    for table in APP_TABLES:
        report = extracts.table(table.removeprefix("app_"))
        yield dg.MaterializeResult(
            asset_key=["raw", table],
            metadata={
                "rows_read": report.read,
                "versions_opened": report.opened,
                "versions_closed": report.closed,
                "removed": report.removed,
            },
            data_version=version,
        )
    yield dg.AssetCheckResult(
        check_name="app_database_was_read",
        asset_key=["raw", "app_persons"],
        passed=not extracts.failures,
        description="; ".join(extracts.failures) or None,
        metadata={"sources_read": len(extracts.reports)},
    )
