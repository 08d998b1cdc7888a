"""The daily overview as files: read, rendered and kept once per version of the data."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg

from orchestration.reports.daily_overview import render_csv, render_html
from orchestration.reports.executions import Execution, Key, Rendered, execute_report
from orchestration.reports.numbers import read_overview, read_version

REPORT = "daily_overview"
# The reports that there is a way to render.
RENDERED = (REPORT,)


@dataclass(frozen=True)
class Made:
    """The files of one day's report."""

    day: date
    execution: Execution


def make_overview(connection: psycopg.Connection, *, folder: Path) -> Made | None:
    """Render the last complete day; None before there is one.

    Parameters
    ----------
    connection : psycopg.Connection
        In autocommit: the ledger must tell of an execution that dies.
    """
    version = read_version(connection)
    if version is None or version.last_whole_day is None:
        return None
    day = version.last_whole_day
    metrics = _wanted_metrics(connection)

    def render() -> dict[str, Rendered]:
        overview = read_overview(connection, day=day, metrics=metrics, version=version)
        table, row_count = render_csv(overview)
        return {
            "html": Rendered(render_html(overview), row_count),
            "csv": Rendered(table, row_count),
        }

    key = Key(REPORT, day, day, version.publication_id, {"metrics": metrics})
    return Made(day, execute_report(connection, key=key, folder=folder, render=render))


def _wanted_metrics(connection: psycopg.Connection) -> list[str]:
    row = connection.execute(
        """
        select body -> 'metrics' from registry.in_force
        where kind = 'report' and id = %s
        """,
        (REPORT,),
    ).fetchone()
    return row[0] if row else []
