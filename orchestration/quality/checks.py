"""Rules across tables that stand between a build and its readers.

Each recomputes a number by another route than the model took, for the days of the
last build only: what did not change was checked when it did.
"""

from datetime import UTC, datetime
from typing import LiteralString

import dagster as dg

from orchestration.privacy.places import read_places, unclassified_columns
from orchestration.privacy.receipts import broken_receipts
from orchestration.quality.conservation import find_lost_rows
from orchestration.quality.expectations import validate_events, validate_metrics
from orchestration.quality.missing_rates import find_missing_rates
from orchestration.quality.published_tables import published_tables
from orchestration.quality.recounts import (
    MISCOUNTED,
    OUTSIDE,
    RECOUNT,
    find_wrong_days,
)
from orchestration.quality.sampling import find_differences, sample_days
from orchestration.quality.verdicts import built_days, record_verdict
from orchestration.resources import Warehouse
from orchestration.transform.assets import MANIFEST
from orchestration.transform.fence import current_build

MOST_DAYS_SHOWN = 20
DAYS_SAMPLED = 3

# Only a build that all of these hold for is published.
GATES = (
    "metrics_match_raw_events",
    "sessions_hold_every_interactive_event",
    "sessions_count_their_views",
    "amounts_have_their_rates",
)


@dg.asset_check(asset=["raw", "landing_files"], blocking=True)
def rows_equal_the_ledger(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Rows in raw equal what the ledger accepted, less what it replaced or removed."""
    with warehouse.connection("daybook check") as connection:
        lost = find_lost_rows(connection)
    shown = dict(list(lost.items())[:MOST_DAYS_SHOWN])
    return dg.AssetCheckResult(
        passed=not lost,
        description=f"rows and ledger differ {len(lost)} times" if lost else None,
        metadata={"differences": shown},
    )


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def metrics_match_raw_events(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every rebuilt day's events equal a recount of raw events."""
    return _judge(warehouse, "metrics_match_raw_events", RECOUNT)


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def sessions_hold_every_interactive_event(warehouse: Warehouse) -> dg.AssetCheckResult:
    """No interactive event of a rebuilt day lies outside the sessions of its device."""
    return _judge(warehouse, "sessions_hold_every_interactive_event", OUTSIDE)


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def sessions_count_their_views(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every session of a rebuilt day counts the page views of its device meanwhile."""
    return _judge(warehouse, "sessions_count_their_views", MISCOUNTED)


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def amounts_have_their_rates(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every currency in which money moved has a rate of exchange on that day."""
    with warehouse.connection("daybook check") as connection:
        missing = [str(rate) for rate in find_missing_rates(connection)]
        build_id = current_build(connection)
        if build_id is not None:
            record_verdict(
                connection,
                build_id=build_id,
                check="amounts_have_their_rates",
                passed=not missing,
            )
    shown = ", ".join(missing[:MOST_DAYS_SHOWN])
    return dg.AssetCheckResult(
        passed=not missing,
        description=f"no rate of exchange for {shown}" if missing else None,
        metadata={"missing_rate_count": len(missing), "missing_rates": shown},
    )


@dg.asset_check(asset=["published", "closed_days"], blocking=True)
def meet_expectations(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Events of the last build and the published metrics satisfy their suites."""
    with warehouse.connection("daybook check") as connection:
        days = built_days(connection, build_id=current_build(connection))
    outcomes = [
        validate_events(warehouse.url, days),
        validate_metrics(warehouse.url, "published.metrics_daily"),
    ]
    broken = [name for outcome in outcomes for name in outcome.broken]
    return dg.AssetCheckResult(
        passed=all(outcome.success for outcome in outcomes),
        description=f"broken: {', '.join(broken)}" if broken else None,
        metadata={
            "expectations_checked": sum(outcome.checked for outcome in outcomes),
            "days_checked": len(days),
            "broken": broken,
        },
    )


@dg.asset_check(asset=["published", "closed_days"])
def sampled_days_are_as_built(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Old days, drawn anew each night, still equal raw events and their marts."""
    draw = datetime.now(tz=UTC).date().isoformat()
    with warehouse.connection("daybook check") as connection:
        days = sample_days(connection, count=DAYS_SAMPLED, draw=draw)
        found = find_differences(connection, published_tables(MANIFEST), days=days)
    return dg.AssetCheckResult(
        passed=not found,
        description=f"not as built: {', '.join(found)}" if found else None,
        metadata={"days": [day.isoformat() for day in days], "differences": found},
    )


@dg.asset_check(asset=["privacy", "retention"])
def every_column_is_classified(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every column that can name a person says what an erasure does with it."""
    with warehouse.connection("daybook check") as connection:
        unknown = unclassified_columns(connection, read_places(MANIFEST))
    return dg.AssetCheckResult(
        passed=not unknown,
        description=f"not classified: {', '.join(unknown)}" if unknown else None,
        metadata={"columns": unknown},
    )


@dg.asset_check(asset=["privacy", "retention"])
def receipts_are_whole(warehouse: Warehouse) -> dg.AssetCheckResult:
    """No receipt of an erasure was changed or taken away."""
    with warehouse.connection("daybook check") as connection:
        broken = broken_receipts(connection)
    return dg.AssetCheckResult(
        passed=not broken,
        description=f"{len(broken)} receipts are broken" if broken else None,
        metadata={"receipt_ids": broken},
    )


def _judge(
    warehouse: Warehouse, name: str, wrong_days: LiteralString
) -> dg.AssetCheckResult:
    """Look for wrong days among those of the last build, and keep the verdict."""
    with warehouse.connection("daybook check") as connection:
        build_id = current_build(connection)
        days = built_days(connection, build_id=build_id)
        found = find_wrong_days(connection, wrong_days, days=days)
        wrong = [day.isoformat() for day in found]
        if build_id is not None:
            record_verdict(connection, build_id=build_id, check=name, passed=not wrong)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{len(wrong)} of {len(days)} days are wrong" if wrong else None,
        metadata={
            "build_id": build_id,
            "days_checked": len(days),
            "wrong_day_count": len(wrong),
            "wrong_days": wrong[:MOST_DAYS_SHOWN],
        },
    )
