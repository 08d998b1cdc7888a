"""What may not stay: the nightly purge of everything older than its class allows."""

from datetime import UTC, datetime

import dagster as dg

from orchestration.privacy.person_retention import person_tables
from orchestration.privacy.retention import apply_retention
from orchestration.resources import Warehouse
from orchestration.transform.assets import MANIFEST


@dg.asset(
    key_prefix="privacy",
    group_name="privacy",
    kinds={"postgres"},
    owners=["team:data"],
    deps=[["published", "closed_days"]],
)
def retention(warehouse: Warehouse) -> dg.MaterializeResult:
    """Days of raw events before the retention floor, dropped with their partitions.

    Days before the floor are frozen: what was published of them stays, rows of single
    persons until their own class ends. A rerun finds nothing more to purge.
    """
    report = apply_retention(
        warehouse.url,
        settings=warehouse.settings,
        now=datetime.now(tz=UTC),
        tables=person_tables(MANIFEST),
    )
    return dg.MaterializeResult(
        metadata={
            "floor": str(report.floor),
            "days_purged": len(report.rows_by_day),
            "rows_purged": sum(report.rows_by_day.values()),
            "set_aside_purged": report.set_aside_count,
            "person_rows_purged": sum(report.person_rows.values()),
        }
    )
