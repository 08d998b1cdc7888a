"""Rules across tables that stand between a build and its readers.

Each recomputes a number by another route than the model took, for the days of the
last build only: what did not change was checked when it did.
"""

from datetime import date

import dagster as dg
from psycopg import sql

from orchestration.quality.expectations import validate_events, validate_metrics
from orchestration.resources import Warehouse
from orchestration.transform.extents import day_literals

MOST_DAYS_SHOWN = 20


@dg.asset_check(asset=["raw", "landing_files"], blocking=True)
def rows_equal_the_ledger(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Rows in raw equal what the ledger accepted, less what it replaced or removed."""
    with warehouse.connection("daybook check") as connection:
        rows = connection.execute(
            "select source, difference from ops.conservation() where difference <> 0"
        ).fetchall()
    return dg.AssetCheckResult(passed=not rows, metadata={"differences": dict(rows)})


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def metrics_match_raw_events(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every rebuilt day's events and page views equal a recount of raw events."""
    with warehouse.connection("daybook check") as connection:
        days = _built_days(warehouse)
        wrong = [
            day.isoformat()
            for (day,) in connection.execute(
                sql.SQL(RECOUNT).format(days=day_literals(days))
            )
        ]
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={
            "days_checked": len(days),
            "wrong_day_count": len(wrong),
            "wrong_days": wrong[:MOST_DAYS_SHOWN],
        },
    )


@dg.asset_check(asset=["ops", "builds"], blocking=True)
def sessions_hold_every_interactive_event(warehouse: Warehouse) -> dg.AssetCheckResult:
    """No interactive event of a rebuilt day lies outside the sessions of its device."""
    with warehouse.connection("daybook check") as connection:
        days = _built_days(warehouse)
        row = connection.execute(
            sql.SQL(OUTSIDE).format(days=day_literals(days))
        ).fetchone()
    outside = row[0] if row else 0
    return dg.AssetCheckResult(
        passed=outside == 0, metadata={"events_outside": outside}
    )


@dg.asset_check(asset=["published", "closed_days"], blocking=True)
def closed_days_meet_expectations(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Events of the last build and the published metrics satisfy their suites."""
    outcomes = [
        validate_events(warehouse.url, _built_days(warehouse)),
        validate_metrics(warehouse.url, "published.metrics_daily"),
    ]
    return dg.AssetCheckResult(
        passed=all(outcome.success for outcome in outcomes),
        metadata={
            "checked": sum(outcome.checked for outcome in outcomes),
            "broken": [name for outcome in outcomes for name in outcome.broken],
        },
    )


def _built_days(warehouse: Warehouse) -> list[date]:
    """Days whose raw events changed in the last build."""
    with warehouse.connection("daybook check") as connection:
        return [
            day
            for (day,) in connection.execute(
                """
                select day from ops.changed
                where
                    model = 'raw.events'
                    and build_id = (select build_id from ops.current_build)
                order by day
                """
            )
        ]


# Straight from raw, by count and without the models in between.
RECOUNT = """
    with recounted as (
        select
            occurred_on as day,
            count(*) filter (
                where not (is_bot or is_internal or is_test)
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
    select count(*)
    from raw.events as event
    where
        event.occurred_on in ({days})
        and event.is_interactive
        and event.device_id is not null
        and not (event.is_bot or event.is_internal or event.is_test)
        and not exists (
            select from marts.sessions as session
            where
                session.device_id = event.device_id
                and event.occurred_at between session.started_at and session.ended_at
        )
"""
