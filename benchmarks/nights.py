"""What a night costs as history grows: one more day, nothing new, everything anew.

    python -m benchmarks.nights [--days 30 360] [--events 30000]

Prints ratios: only they can be compared between machines.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.raw.loading import load_landing
from orchestration.registry.storing import refresh_registry
from orchestration.settings import (
    PROJECT_ROOT,
    Settings,
    export_environment,
    read_settings,
)
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.run import run_build
from orchestration.warehouse.connection import connect
from orchestration.warehouse.server import warehouse

PERSONS = 200_000
# Records per customer and visit of the simulated marketplace, measured.
RECORDS_PER_VISIT = 13.6
LAST_DAY = date(2026, 10, 31)
# After every simulated file has come in.
NIGHT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SETTINGS_SHOWN = ("server_version", "shared_buffers", "work_mem", "fsync", "jit")


@dataclass(frozen=True)
class Night:
    """Seconds of one night, stage by stage."""

    load: float
    build: float
    publish: float
    was_built: bool

    @property
    def whole(self) -> float:
        """Return the seconds of all stages."""
        return self.load + self.build + self.publish


@dataclass(frozen=True)
class History:
    """What was measured on one length of history."""

    days: int
    events: int
    first: Night
    one_more: Night
    nothing: Night


@contextmanager
def installation(days: int) -> Iterator[tuple[Settings, str]]:
    """Give an installation of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="daybook-nights-") as folder:
        settings = read_settings(
            {"DAYBOOK_HOME": folder, "DAYBOOK_REGISTRY": str(PROJECT_ROOT / "registry")}
        )
        with warehouse(settings) as url:
            export_environment(settings, url)
            with connect(url, application_name="daybook bench") as connection:
                refresh_registry(connection, settings.registry_dir)
                print(f"history of {days} days")
                for name in SETTINGS_SHOWN:
                    row = connection.execute(
                        "select current_setting(%s)", (name,)
                    ).fetchone()
                    print(f"  {name} = {row[0] if row else None}")
            yield settings, url


def measure(days: int, *, events_per_day: int) -> History:
    """Measure the first build of a history, one more day, and a night without news."""
    activity = events_per_day / PERSONS / RECORDS_PER_VISIT
    start_on = LAST_DAY - timedelta(days=days)
    with installation(days) as (settings, url):
        landing = Path(settings.landing_url)
        world = World(persons=PERSONS, days=days, start_on=start_on, activity=activity)
        simulate(world, landing, None)
        first = night(settings, url)
        more = World(
            persons=PERSONS, days=days + 1, start_on=start_on, activity=activity
        )
        simulate(more, landing, None, first_day=days)
        one_more = night(settings, url)
        nothing = night(settings, url)
        with connect(url, application_name="daybook bench") as connection:
            row = connection.execute("select count(*) from raw.events").fetchone()
    return History(days, row[0] if row else 0, first, one_more, nothing)


def night(settings: Settings, url: str) -> Night:
    """Load, build and publish what is new, as a run does without Dagster around it."""
    project = Project.of(settings)
    manifest = load_manifest(project)
    began = time.perf_counter()
    load_landing(url, settings=settings, now=NIGHT)
    loaded = time.perf_counter()
    report = run_build(
        url,
        project=project,
        request=Request(run_id="bench", timezone=settings.timezone),
    )
    if report.failure:
        raise RuntimeError(report.failure)
    built = time.perf_counter()
    with connect(url, application_name="daybook bench") as connection:
        publish(
            connection,
            tables=published_tables(manifest),
            terms=Terms(timezone=settings.timezone),
        )
    done = time.perf_counter()
    return Night(
        loaded - began, built - loaded, done - built, report.build_id is not None
    )


def report_on(histories: list[History]) -> None:
    """Print what was measured, and the ratios."""
    short, long = histories[0], histories[-1]
    for each in histories:
        for name, spent in (
            ("first", each.first),
            ("one more day", each.one_more),
            ("nothing new", each.nothing),
        ):
            print(
                f"{each.days:>4} days, {name:<13} {spent.whole:8.2f} s  (load "
                f"{spent.load:.2f}, build {spent.build:.2f}, "
                f"publish {spent.publish:.2f})"
            )
        share = each.nothing.whole / each.one_more.whole
        print(f"{each.days:>4} days, nothing new / one more day: {share:.2f} (≤ 0.30)")
        if each.nothing.was_built:
            print("dbt was started on a night without news")
    if short is not long:
        grown = long.one_more.whole / short.one_more.whole
        print(
            f"one more day on {long.days} / on {short.days} days: {grown:.2f} (≤ 1.3)"
        )
        per_event = (long.first.build / long.events) / (
            short.first.build / short.events
        )
        print(
            f"all models from nothing, time per event, {long.events:,} / "
            f"{short.events:,} events: {per_event:.2f} (≤ 1)"
        )


def main() -> None:
    """Measure every length of history, shortest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs="+", default=[30, 360])
    parser.add_argument("--events", type=int, default=30_000)
    arguments = parser.parse_args()
    report_on(
        [
            measure(days, events_per_day=arguments.events)
            for days in sorted(arguments.days)
        ]
    )


if __name__ == "__main__":
    main()
