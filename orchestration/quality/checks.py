"""Rules across tables that stand between a build and its readers.

Each recomputes a number by another route than the model took, for the days of the
last build only: what did not change was checked when it did.
"""

from typing import LiteralString

import dagster as dg
from psycopg import sql

from orchestration.privacy.places import read_places, unclassified_columns
from orchestration.privacy.receipts import broken_receipts
from orchestration.quality.expectations import validate_events, validate_metrics
from orchestration.quality.verdicts import built_days, record_verdict
from orchestration.resources import Warehouse
from orchestration.transform.assets import MANIFEST
from orchestration.transform.extents import day_literals
from orchestration.transform.fence import current_build

MOST_DAYS_SHOWN = 20

# Only a build that all of these hold for is published.
GATES = ("metrics_match_raw_events", "sessions_hold_every_interactive_event")


@dg.asset_check(asset=["raw", "landing_files"], blocking=True)
def rows_equal_the_ledger(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Rows in raw equal what the ledger accepted, less what it replaced or removed."""
    with warehouse.connection("daybook check") as connection:
        rows = connection.execute(
            "select source, difference from ops.conservation() where difference <> 0"
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not rows,
        description=f"rows and ledger differ in {len(rows)} sources" if rows else None,
        metadata={"differences": dict(rows)},
    )


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def metrics_match_raw_events(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every rebuilt day's events equal a recount of raw events."""
    return _judge(warehouse, "metrics_match_raw_events", RECOUNT)


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def sessions_hold_every_interactive_event(warehouse: Warehouse) -> dg.AssetCheckResult:
    """No interactive event of a rebuilt day lies outside the sessions of its device."""
    return _judge(warehouse, "sessions_hold_every_interactive_event", OUTSIDE)


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
        query = sql.SQL(wrong_days).format(days=day_literals(days))
        wrong = [day.isoformat() for (day,) in connection.execute(query)]
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


# Straight from raw, by count and without the models in between.
RECOUNT = """
    with recounted as (
        select
            occurred_on as day,
            count(*) filter (
                where
                not (is_bot or is_internal or is_test)
                and (user_id is null or user_id not in (
                    select accounts.user_id from identity.excluded_accounts as accounts
                ))
            ) as event_count
        from raw.events
        where occurred_on in ({days})
        group by occurred_on
    ),

    modelled as (
        select
            day,
            numerator as event_count
        from marts.metrics_daily
        where
            metric_id = 'events'
            and dimension = 'all'
            and day in ({days})
    )

    select day
    from recounted full join modelled using (day)
    where coalesce(recounted.event_count, 0) <> coalesce(modelled.event_count, 0)
    order by day
"""

OUTSIDE = """
    select distinct event.occurred_on
    from raw.events as event
    where
        event.occurred_on in ({days})
        and event.is_interactive
        and event.device_id is not null
        and not (event.is_bot or event.is_internal or event.is_test)
        and not exists (
            select from identity.excluded_accounts as accounts
            where accounts.user_id = event.user_id
        )
        and not exists (
            select from marts.sessions as session
            where
                session.device_id = event.device_id
                and event.occurred_at between session.started_at and session.ended_at
        )
    order by event.occurred_on
"""
