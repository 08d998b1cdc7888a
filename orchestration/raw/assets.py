"""Raw tables: what landed and what the app holds, accepted exactly once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from psycopg import sql

from orchestration.health.alerts import open_alert, resolve_alert
from orchestration.raw.app_extraction import ExtractReport, Terms, extract_app
from orchestration.raw.app_history import ExtractError
from orchestration.raw.app_snapshot import app_database_url
from orchestration.raw.loading import load_landing
from orchestration.raw.reports import LoadReport
from orchestration.registry.in_force import read_registry
from orchestration.registry.problems import RegistryError
from orchestration.registry.storing import refresh_registry
from orchestration.resources import Warehouse
from orchestration.settings import read_settings
from orchestration.transform.assets import MANIFEST
from orchestration.transform.extents import day_literals

DAYS = dg.DailyPartitionsDefinition(
    # The first day that the UI draws; older days load all the same.
    start_date="2015-01-01",
    timezone=read_settings().timezone,
    end_offset=2,
)
OWNERS = ["team:data"]

# A store or database that does not answer may answer in a minute.
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
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
        "A partition shows what the last load brought to that day."
    ),
)

APP_TABLES = sorted(
    source["name"]
    for source in MANIFEST["sources"].values()
    if source["source_name"] == "raw" and source["name"].startswith("app_")
)


@dg.asset(key_prefix="registry", group_name="registry", kinds={"yaml"}, owners=OWNERS)
def definitions(warehouse: Warehouse) -> dg.MaterializeResult:
    """Every definition that people wrote, one row per definition and version.

    A file with a mistake leaves the last good version in force and says which file,
    line and field. A rerun without a change writes nothing.
    """
    with warehouse.connection("daybook registry") as connection:
        refreshed = refresh_registry(connection, warehouse.settings.registry_dir)
        for problem in refreshed.problems:
            open_alert(
                connection,
                incident="registry",
                severity="warning",
                message=str(problem),
            )
        if not refreshed.problems:
            resolve_alert(connection, incident="registry")
    return dg.MaterializeResult(
        metadata={
            "registry_version": refreshed.registry_version,
            "problems": [str(problem) for problem in refreshed.problems],
        }
    )


@dg.asset(
    key_prefix="raw",
    group_name="raw",
    kinds={"python", "postgres"},
    owners=OWNERS,
    deps=[definitions],
    retry_policy=RETRIES,
)
def landing_files(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """Landing files, one ledger row per content that was ever loaded.

    A run loads what is new and skips, unread, what it knows: running it twice, or
    twice at once, leaves the same rows as running it once.
    """
    report = load_landing(
        warehouse.url, settings=warehouse.settings, now=datetime.now(tz=UTC)
    )
    for line in report.lines():
        context.log.info(line)
    for day, row_count in _row_counts(warehouse, report.days):
        if DAYS.has_partition_key(day.isoformat()):
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=events.key,
                    partition=day.isoformat(),
                    metadata={"dagster/partition_row_count": row_count},
                )
            )
    return dg.MaterializeResult(metadata=_load_metadata(report))


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["raw", table],
            group_name="raw",
            kinds={"postgres"},
            owners=OWNERS,
            deps=[landing_files],
        )
        for table in APP_TABLES
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "app_database_was_read",
            asset=["raw", "app_persons"],
            description="The app database answered and fitted its mapping.",
        )
    ],
    retry_policy=RETRIES,
)
def app_tables(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Operational tables with their history, one row per version of a record.

    Reads what changed since the last extract. Where the app database does not answer,
    the tables stay as they were, the check fails, and everything else goes on.
    """
    reports, failures = _extract_all(warehouse)
    for failure in failures:
        context.log.error(failure)
    for table in APP_TABLES:
        read = [
            report.tables[table.removeprefix("app_")]
            for report in reports
            if table.removeprefix("app_") in report.tables
        ]
        yield dg.MaterializeResult(
            asset_key=["raw", table],
            metadata={
                "rows_read": sum(each.read for each in read),
                "versions_opened": sum(each.opened for each in read),
                "versions_closed": sum(each.closed for each in read),
                "removed": sum(each.removed for each in read),
            },
        )
    yield dg.AssetCheckResult(
        check_name="app_database_was_read",
        asset_key=["raw", "app_persons"],
        passed=not failures,
        metadata={"failures": failures},
    )


def _extract_all(warehouse: Warehouse) -> tuple[list[ExtractReport], list[str]]:
    settings = warehouse.settings
    source_url = app_database_url(settings, warehouse.url)
    if source_url is None:
        return [], []
    with warehouse.connection("daybook registry") as connection:
        registry = read_registry(connection, settings.registry_dir)
    terms = Terms(timezone=settings.timezone, pseudonym_key=settings.pseudonym_key())
    reports, failures = [], []
    for source in registry.app_sources():
        incident = f"source:{source}"
        try:
            reports.append(
                extract_app(
                    warehouse.url,
                    entry=registry.entry("app_source", source),
                    source_url=source_url,
                    terms=terms,
                )
            )
        except (ExtractError, RegistryError) as error:
            failures.append(str(error))
            with warehouse.connection("daybook alert") as connection:
                open_alert(
                    connection,
                    incident=incident,
                    severity="critical",
                    message=str(error),
                )
        else:
            with warehouse.connection("daybook alert") as connection:
                resolve_alert(connection, incident=incident)
    return reports, failures


def _row_counts(warehouse: Warehouse, days: set[date]) -> list[tuple[date, int]]:
    """Count the rows of the touched days, by literals, so that only those are read."""
    if not days:
        return []
    query = sql.SQL(
        """
        select occurred_on, count(*) from raw.events
        where occurred_on in ({}) group by occurred_on order by occurred_on
        """
    ).format(day_literals(sorted(days)))
    with warehouse.connection("daybook ui") as connection:
        return connection.execute(query).fetchall()


def _load_metadata(report: LoadReport) -> dict[str, Any]:
    counts = report.counts
    table = dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "source": source.source,
                    "loaded": sum(file.state == "loaded" for file in source.files),
                    "skipped": source.skipped_count,
                    "refused": sum(file.state == "refused" for file in source.files),
                    "complete_through": str(source.complete_through or ""),
                    "missing": len(source.missing),
                }
            )
            for source in report.sources
        ]
    )
    return {
        "files": dict(report.states),
        "records": counts.record_count,
        "accepted": counts.accepted_count,
        "accepted_with_violation": counts.accepted_with_violation_count,
        "duplicate": counts.duplicate_count,
        "conflict": counts.conflict_count,
        "quarantined": counts.quarantined_count,
        "not_consented": counts.not_consented_count,
        "suppressed": counts.suppressed_count,
        "replaced": counts.replaced_count,
        "days_touched": len(report.days),
        "rows_per_second": round(report.rows_per_second),
        "sources": table,
    }
