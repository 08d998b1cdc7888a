"""The `daybook` command: parse, call, print. Everything heavy is imported on use."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestration.logs import set_levels
from orchestration.opening import fail, open_warehouse
from orchestration.settings import SettingsError, read_settings
from orchestration.showing import show
from orchestration.trying import experiment, funnel

if TYPE_CHECKING:
    from orchestration.raw.sources import Source

app = typer.Typer(
    help="Batch analytics for marketplaces: from landing files to numbers you trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(funnel, name="funnel")
app.add_typer(experiment, name="experiment")
app.add_typer(show, name="show")

Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]


@app.command()
def demo(
    persons: Annotated[int, typer.Option(min=1, help="Customers to simulate.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="Days, up to yesterday.")] = 35,
) -> None:
    """Simulate a marketplace once, run the main job, and say what it made."""
    from orchestration.simulation.demo import run_demo  # noqa: PLC0415

    with open_warehouse() as (settings, url):
        succeeded = run_demo(settings, url, persons=persons, days=days)
    raise typer.Exit(0 if succeeded else 1)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Loopback port of the UI.")] = 3000,
    write: Annotated[bool, typer.Option("--write", help="May launch runs.")] = False,  # noqa: FBT002
) -> None:
    """Open the Dagster UI on loopback, read-only, schedules and sensors running."""
    from orchestration.dev import run_dagster  # noqa: PLC0415
    from orchestration.warehouse.server import bi_url  # noqa: PLC0415

    with open_warehouse(keep_running=True) as (settings, _):
        mode = "may launch runs" if write else "read-only; --write lets it launch runs"
        print(f"Dagster UI     http://127.0.0.1:{port}   (in half a minute; {mode})")
        print(f"psql and BI    {bi_url(settings)}")
        print("Ctrl-C stops the UI; the database stays up until `daybook stop`.")
        sys.stdout.flush()
        raise typer.Exit(run_dagster(port, is_writable=write))


@app.command()
def run(
    job: Annotated[Literal["refresh", "nightly"], typer.Argument()] = "refresh",
) -> None:
    """Run a job here and now; the Dagster UI shows it like any other run."""
    from orchestration.progress import show_run  # noqa: PLC0415

    with open_warehouse() as (settings, url):
        report = show_run(job, url=url, log=settings.home / "logs" / f"{job}.log")
    raise typer.Exit(0 if report.succeeded else 1)


@app.command()
def plan(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> None:
    """Say what the next build will rebuild, and why."""
    from orchestration.transform.dbt_run import Project  # noqa: PLC0415
    from orchestration.transform.run import read_plan  # noqa: PLC0415

    with open_warehouse() as (settings, url):
        found = read_plan(url, Project.of(settings))
    print(json.dumps(found.as_json()) if as_json else found.text())


@app.command()
def health(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> None:
    """Say whether all is well; exit 0 if so, 1 with warnings, 2 if it is not."""
    from orchestration.health.findings import LEVELS, read_findings  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415
    from orchestration.warehouse.failures import ServerError  # noqa: PLC0415

    try:
        with (
            open_warehouse() as (settings, url),
            connect(url, application_name="daybook health") as connection,
        ):
            found = read_findings(
                connection,
                home=settings.home,
                timezone=settings.timezone,
                now=datetime.now(tz=UTC),
            )
    except ServerError as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(2) from None
    if as_json:
        print(json.dumps([finding.as_json() for finding in found]))
    else:
        for finding in found:
            state = LEVELS[finding.level]
            print(f"{state:<9} {finding.name:<12} {finding.detail}")
    raise typer.Exit(max(finding.level for finding in found))


@app.command()
def pause(
    reason: Annotated[str, typer.Argument(help="Why nothing may start.")],
) -> None:
    """Have schedules and sensors start nothing until `resume`."""
    from orchestration.health.pauses import pause as pause_all  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (_, url),
        connect(url, application_name="daybook pause") as connection,
    ):
        print("paused" if pause_all(connection, reason=reason) else "paused already")


@app.command()
def resume() -> None:
    """End a pause; the next refresh does what was missed."""
    from orchestration.health.pauses import resume as resume_all  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (_, url),
        connect(url, application_name="daybook pause") as connection,
    ):
        print("resumed" if resume_all(connection) else "was not paused")


@app.command()
def gaps() -> None:
    """List days that a source should have and has not; exit 1 if there are any."""
    from orchestration.transform.gaps import find_gaps  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (settings, url),
        connect(url, application_name="daybook gaps") as connection,
    ):
        found = find_gaps(connection, timezone=settings.timezone)
    for gap in found:
        print(f"{gap.what}: {gap.first_day} to {gap.last_day}, {gap.day_count} days")
    print(f"{len(found)} gaps")
    raise typer.Exit(1 if found else 0)


@app.command()
def touch_days(
    first_day: Day,
    last_day: Day,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
) -> None:
    """Have the next build rebuild these days, as if they had news."""
    from orchestration.transform.touch import touch_days as touch  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (_, url),
        connect(url, application_name="daybook touch") as connection,
    ):
        try:
            load_id = touch(
                connection,
                first_day=first_day.date(),
                last_day=last_day.date(),
                reason=reason,
            )
        except ValueError as problem:
            fail(str(problem))
    print(f"touched by load {load_id}; the next build rebuilds them")


def _known(source: str, sources: Mapping[str, "Source"]) -> "Source":
    """Return the source of that name, or say which there are and exit."""
    if source not in sources:
        fail(f"no source is called {source!r}; there are {', '.join(sorted(sources))}")
    return sources[source]


@app.command()
def explain(
    source: Annotated[str, typer.Argument(help="Name of the source, e.g. web.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
) -> None:
    """Say what would become of every record of a file; nothing is loaded."""
    from orchestration.raw.explain import explain as explain_file  # noqa: PLC0415
    from orchestration.raw.loading import read_circumstances  # noqa: PLC0415

    # What the files say, stored or not: this is how a definition is tried.
    settings = read_settings()
    circumstances = read_circumstances(settings, now=datetime.now(tz=UTC))
    described = _known(source, circumstances.sources)
    normalizer = circumstances.normalizer(described, arrived_at=None)
    with file.open("rb") as stream:
        for row in explain_file(
            stream, name=file.name, format=described.format, normalizer=normalizer
        ):
            print("\t".join(map(str, row)))


@app.command()
def replay(
    source: Annotated[str, typer.Argument(help="Name of the source, e.g. web.")],
    reason: Annotated[str | None, typer.Option(help="Only rows with this one.")] = None,
) -> None:
    """Try what was quarantined again, under the contracts as they are now."""
    from dataclasses import replace  # noqa: PLC0415

    from orchestration.privacy.suppressions import suppressions_held  # noqa: PLC0415
    from orchestration.raw.loading import read_circumstances  # noqa: PLC0415
    from orchestration.raw.replay import replay as replay_source  # noqa: PLC0415

    with (
        open_warehouse() as (settings, url),
        suppressions_held(url, settings) as erased,
    ):
        circumstances = read_circumstances(settings, now=datetime.now(tz=UTC), url=url)
        report = replay_source(
            url,
            source=_known(source, circumstances.sources),
            circumstances=replace(
                circumstances, is_suppressed=erased.holds if erased else None
            ),
            reason=reason,
        )
    print(report)


@app.command()
def erase(
    user_id: Annotated[str, typer.Argument(help="Login id of the person.")],
    reason: Annotated[str, typer.Option(help="Why; kept, so it must name nobody.")],
    also: Annotated[
        list[str] | None, typer.Option(help="Another name, such as an e-mail address.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="A device known to be the person's.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only count, by place.")] = False,  # noqa: FBT002
) -> None:
    """Erase one person from every place, search for them, and print the receipt."""
    from orchestration.privacy.erasure import (  # noqa: PLC0415
        ErasureError,
        Request,
        erase_person,
    )

    request = Request(user_id, reason, tuple(also or ()), tuple(device or ()))
    with open_warehouse() as (settings, url):
        try:
            receipt = erase_person(
                url, settings=settings, request=request, dry_run=dry_run
            )
        except ErasureError as problem:
            fail(f"not done: {problem}. Run the same command to go on.")
    print(json.dumps(receipt.body, indent=2))


@app.command()
def url() -> None:
    """Start the database if need be, keep it up, and print its URL for BI tools."""
    from orchestration.warehouse.server import bi_url  # noqa: PLC0415

    with open_warehouse(keep_running=True) as (settings, _):
        print(bi_url(settings))


@app.command()
def stop() -> None:
    """Stop the embedded database that `dev` or `url` left running."""
    from orchestration.warehouse.server import stop_warehouse  # noqa: PLC0415

    print("stopped" if stop_warehouse(read_settings()) else "not running")


def main() -> None:
    """Run the command; a failure that we know is one line, not a traceback."""
    from orchestration.warehouse.failures import ServerError  # noqa: PLC0415
    from orchestration.warehouse.migrations import SchemaError  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        set_levels(read_settings().log_levels)
        app()
    except (SettingsError, ServerError, SchemaError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
