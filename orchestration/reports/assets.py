"""Reports as assets: each rendered once per day and version of the data."""

import dagster as dg

from orchestration.reports.daily_overview import render_csv, render_html
from orchestration.reports.executions import Key, Rendered, execute_report
from orchestration.reports.numbers import read_overview, read_version
from orchestration.resources import Warehouse
from orchestration.warehouse.connection import connect

REPORT = "daily_overview"


@dg.asset(
    key_prefix="reports",
    group_name="reports",
    kinds={"html", "csv"},
    owners=["team:data"],
    deps=[["published", "closed_days"]],
)
def daily_overview(warehouse: Warehouse) -> dg.MaterializeResult:
    """The last complete day on one page, beside the day before and the week before.

    The same version of the data gives the same file, byte for byte.
    """
    folder = warehouse.settings.home / "reports"
    with connect(
        warehouse.url, application_name="daybook report", autocommit=True
    ) as connection:
        version = read_version(connection)
        if version is None or version.last_whole_day is None:
            return dg.MaterializeResult(metadata={"skipped": "no complete day yet"})
        wanted = connection.execute(
            """
            select body -> 'metrics' from registry.in_force
            where kind = 'report' and id = %s
            """,
            (REPORT,),
        ).fetchone()
        metrics = wanted[0] if wanted else []
        day = version.last_whole_day

        def render() -> dict[str, Rendered]:
            overview = read_overview(
                connection, day=day, metrics=metrics, version=version
            )
            table, row_count = render_csv(overview)
            return {
                "html": Rendered(render_html(overview), row_count),
                "csv": Rendered(table, row_count),
            }

        execution = execute_report(
            connection,
            key=Key(REPORT, day, day, version.publication_id),
            folder=folder,
            render=render,
        )
    return dg.MaterializeResult(
        metadata={
            "day": day.isoformat(),
            "is_new": execution.is_new,
            **{
                kind: dg.MetadataValue.path(str(path))
                for kind, path in execution.paths.items()
            },
        }
    )
