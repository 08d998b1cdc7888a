"""Segments as assets: the analyse stage, after dbt has counted what persons did."""

from collections.abc import Iterator

import dagster as dg

from orchestration.resources import OWNERS, Warehouse, patiently, small_table
from orchestration.segments.evaluation import bring_up_to_date

SECONDS = 180

_SHARED = {
    "group_name": "segments",
    "kinds": {"python", "postgres"},
    "owners": OWNERS,
    "deps": [["ops", "builds"], ["registry", "definitions"]],
}


@dg.multi_asset(
    name="segments",
    specs=[
        dg.AssetSpec(
            ["segments", "members"],
            description="One row per stay of a person in a segment.",
            **_SHARED,
        ),
        dg.AssetSpec(
            ["segments", "current"],
            description="One row per segment and member: the stays that go on.",
            **_SHARED,
        ),
        dg.AssetSpec(
            ["segments", "sizes"],
            description="One row per segment and evaluated day.",
            **_SHARED,
        ),
    ],
)
def segment_tables(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult]:
    """Every segment as of the last whole day, members entering and leaving.

    The same build and rules change nothing. A statement may take three minutes.
    """
    with (
        patiently(context),
        warehouse.connection("daybook analyse", seconds=SECONDS) as connection,
    ):
        done = bring_up_to_date(connection, timezone=warehouse.settings.timezone)
        with connection.transaction():
            sizes = connection.execute(
                """
                select segment_id, member_count, entered_count, left_count
                from segments.sizes
                where day = (select max(day) from segments.evaluations)
                order by segment_id
                """
            ).fetchall()
    columns = ("segment", "members", "entered", "left")
    yield dg.MaterializeResult(
        ["segments", "members"],
        metadata={
            "days_evaluated": len(done.days),
            "rows_changed": done.changed_count,
            **({"nothing_to_do": done.reason} if done.reason else {}),
        },
    )
    yield dg.MaterializeResult(["segments", "current"])
    yield dg.MaterializeResult(
        ["segments", "sizes"],
        metadata={
            "sizes": small_table(dict(zip(columns, row, strict=True)) for row in sizes)
        },
    )
