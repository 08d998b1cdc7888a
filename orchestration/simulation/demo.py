"""The demo: a marketplace simulated once, then the main job on it, and what it made."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from orchestration.progress import show_run
from orchestration.raw.app_snapshot import APP_DATABASE
from orchestration.reports.overview_report import REPORT
from orchestration.runs import RunReport
from orchestration.settings import Settings
from orchestration.simulation.marketplace import Simulation, simulate
from orchestration.simulation.world import World
from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.server import bi_url


def run_demo(settings: Settings, url: str, *, persons: int, days: int) -> bool:
    """Simulate unless it was done, run the nightly job, print what there is.

    Returns
    -------
    bool
        Whether the job succeeded.
    """
    console = Console(highlight=False, soft_wrap=True)
    landing = Path(settings.landing_url)
    if landing.exists() and any(landing.iterdir()):
        console.print(f"the marketplace is simulated already: {landing}")
    else:
        simulation = _simulate(settings, url, persons=persons, days=days)
        console.print(
            f"simulated {simulation.record_count:,} records in "
            f"{simulation.file_count} files and an app database of "
            f"{sum(simulation.app.values()):,} rows in {simulation.seconds:.1f} s"
        )
    report = show_run("nightly", url=url, log=settings.home / "logs" / "nightly.log")
    if not report.succeeded:
        return False
    log = settings.home / "logs" / "report.log"
    rendered = show_run(f"report_{REPORT}", url=url, log=log)
    report.metadata.update(rendered.metadata)
    _tell(console, settings, url, report)
    return rendered.succeeded


def _simulate(settings: Settings, url: str, *, persons: int, days: int) -> Simulation:
    # It ends yesterday, so that retention and lateness mean what they will later.
    start_on = datetime.now(tz=UTC).date() - timedelta(days=days)
    world = World(persons=persons, days=days, start_on=start_on)
    with Progress(
        TextColumn("simulating a marketplace"),
        BarColumn(),
        TextColumn("day {task.completed}/{task.total}"),
        TimeElapsedColumn(),
        transient=True,
    ) as bar:
        task = bar.add_task("days", total=days)
        return simulate(
            world,
            Path(settings.landing_url),
            settings.home / "simulation" / "truth",
            _app_database(url),
            progress=lambda done, _: bar.update(task, completed=done),
        )


def _app_database(url: str) -> str:
    """Return the app database beside the warehouse, created if need be."""
    with (
        connect(url, application_name="daybook demo", autocommit=True) as connection,
        suppress(psycopg.errors.DuplicateDatabase),
    ):
        connection.execute(
            sql.SQL("create database {}").format(sql.Identifier(APP_DATABASE))
        )
    return sibling_url(url, APP_DATABASE)


def _tell(console: Console, settings: Settings, url: str, report: RunReport) -> None:
    """Say what the run did, what there is now, where to look and what to type next."""
    with connect(url, application_name="daybook demo") as connection:
        row = connection.execute(
            """
            select
                (select count(*) from raw.events),
                (select count(*) from marts.sessions),
                (select count(*) from marts.metrics_daily),
                (select count(*) from raw.set_aside where status = 'open'),
                (
                    select
                        to_char(data_complete_through, 'YYYY-MM-DD HH24:MI') || ' UTC'
                    from published.status
                )
            """
        ).fetchone()
    if row is None:
        return
    events, sessions, numbers, set_aside, through = row
    overview = report.metadata.get("reports/daily_overview", {})
    lines = [
        ("this run", _what_it_did(report)),
        ("the house", f"{events:,} events, {sessions:,} sessions, {numbers:,} numbers"),
        ("complete", f"through {through}"),
        ("set aside", f"{set_aside:,} records, each with its reason"),
        ("the report", overview.get("html", "none yet: no day is complete")),
        ("psql and BI", f"{bi_url(settings)}  ({_when_reachable(settings)})"),
    ]
    console.print()
    for name, text in lines:
        console.print(f"{name:<12} {text}")
    console.print()
    console.print("next:  make dev                  the Dagster UI on this data")
    console.print("       .venv/bin/daybook plan    what the next build would do")
    console.print("       .venv/bin/daybook health  whether all is well")
    console.print("       .venv/bin/daybook --help  everything else")


def _when_reachable(settings: Settings) -> str:
    """Say what a reader needs: our server up, or a password on somebody else's."""
    if settings.database_url is None:
        return "up during `make dev`"
    return "once the role has a password"


def _what_it_did(report: RunReport) -> str:
    loaded = report.metadata.get("raw/landing_files", {})
    build = report.metadata.get("ops/builds", {})
    if not loaded.get("records") and not build.get("is_new"):
        return "nothing new was loaded, nothing was rebuilt"
    records = f"{loaded.get('records', 0):,} records loaded"
    if not build.get("is_new"):
        return f"{records}, nothing was rebuilt"
    return f"{records}, {build['days_with_news']} days built"
