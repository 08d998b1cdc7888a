"""What a night costs as history grows: one more day, nothing new, everything anew.

    python -m benchmarks.nights [--days 30 90 360] [--events 30000]
    python -m benchmarks.nights --millions 1 4 16

The first compares a night on the longest history with one on each shorter, all with as
many new events, and a night whose only news is one event of a device on an old day; 90
days fill every window that 30 leave open, so that 360 against 90 is what follows the
history itself. The second is the models from nothing, on so many million events. Prints
ratios: only they can be compared between machines. What a night costs is the time of
its statements, as the server says: starting dbt costs the same on any history.
"""

import argparse
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.raw.app_snapshot import APP_DATABASE
from orchestration.raw.app_sources import extract_app_sources
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
from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.server import warehouse

PERSONS = 200_000
# What the last day has with each tells how active persons must be for a given number.
PILOT_ACTIVITIES = (0.002, 0.01)
LAST_DAY = date(2026, 10, 31)
# After every simulated file has come in.
NIGHT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SETTINGS_SHOWN = ("server_version", "shared_buffers", "work_mem", "fsync", "jit")
STAGES = ("load", "build", "publish")
MOST_SHOWN = 12
DURATION = re.compile(rb"LOG:  duration: ([0-9.]+) ms")


@dataclass(frozen=True)
class Cost:
    """Seconds of a stage: by the clock, of the server's statements and processor."""

    wall: float
    statements: float
    processor: float


@dataclass(frozen=True)
class Night:
    """One night, stage by stage."""

    load: Cost
    build: Cost
    publish: Cost
    was_built: bool
    models: dict[str, float]

    @property
    def wall(self) -> float:
        """Return the seconds of all stages."""
        return sum(getattr(self, stage).wall for stage in STAGES)

    @property
    def statements(self) -> float:
        """Return the seconds of all statements."""
        return sum(getattr(self, stage).statements for stage in STAGES)

    @property
    def processor(self) -> float:
        """Return the seconds of processor that the server took."""
        return sum(getattr(self, stage).processor for stage in STAGES)


@dataclass(frozen=True)
class History:
    """What was measured on one length of history."""

    days: int
    events: int
    new_events: int
    first: Night
    one_more: Night
    nothing: Night
    straggler: Night


class Site:
    """An installation of its own, with a server that tells how long statements took."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self.url = url
        self.log = settings.home / "postgres" / "log" / "server.log"

    def count_events(self) -> int:
        """Return how many events there are."""
        with connect(self.url, application_name="daybook bench") as connection:
            row = connection.execute("select count(*) from raw.events").fetchone()
        return int(row[0]) if row else 0

    def statement_seconds(self, since: int) -> float:
        """Return the seconds of the statements logged from an offset on."""
        with self.log.open("rb") as log:
            log.seek(since)
            return sum(map(float, DURATION.findall(log.read()))) / 1000

    def processor_seconds(self) -> float:
        """Return the seconds of processor of all sessions, over or not."""
        data = self.settings.home / "postgres" / "data"
        server = (data / "postmaster.pid").read_text().split()[0]
        sessions = Path("/proc", server, "task", server, "children").read_text()
        # Those that are over: fields 16 and 17 of the line, 14 after the name's.
        ticks = sum(_times(server)[13:15])
        ticks += sum(sum(_times(session)[11:13]) for session in sessions.split())
        return ticks / os.sysconf("SC_CLK_TCK")

    def simulate(self, world: World, *, first_day: int = 0) -> None:
        """Land the files of a world from a day on, and bring the app to its end."""
        simulate(
            world,
            Path(self.settings.landing_url),
            None,
            sibling_url(self.url, APP_DATABASE),
            first_day=first_day,
        )

    def land_straggler(self) -> None:
        """Land one event of a device that was there on the middle day of all."""
        with connect(self.url, application_name="daybook bench") as connection:
            row = connection.execute(
                """
                select events.device_id, events.occurred_at + interval '1 second'
                from raw.events as events
                where
                    events.device_id is not null
                    and events.occurred_on = (
                        select percentile_disc(0.5) within group (order by day)
                        from marts.days
                    )
                order by events.occurred_at
                limit 1
                """
            ).fetchone()
        if row is None:
            msg = "the middle day has no device"
            raise RuntimeError(msg)
        event = {
            "event_id": "straggler",
            "event_name": "page_view",
            "device_id": row[0],
            "consent": ["analytics"],
            "occurred_at": row[1].isoformat(),
        }
        path = Path(self.settings.landing_url) / "web" / "straggler.ndjson"
        path.write_text(json.dumps(event) + "\n")
        settled = NIGHT.timestamp() - 3600
        os.utime(path, (settled, settled))

    def night(self) -> Night:
        """Load, build and publish what is new, as a run does without Dagster."""
        project = Project.of(self.settings)
        manifest = load_manifest(project)
        costs = {}
        with self._cost(costs, "load"):
            load_landing(self.url, settings=self.settings, now=NIGHT)
            extract_app_sources(self.url, settings=self.settings)
        with self._cost(costs, "build"):
            report = run_build(
                self.url,
                project=project,
                request=Request(run_id="bench", timezone=self.settings.timezone),
            )
        if report.failure:
            raise RuntimeError(report.failure)
        with (
            self._cost(costs, "publish"),
            connect(self.url, application_name="daybook bench") as connection,
        ):
            publish(
                connection,
                tables=published_tables(manifest),
                terms=Terms(timezone=self.settings.timezone),
            )
        was_built = report.build_id is not None
        models = seconds_of_models(project) if was_built else {}
        return Night(**costs, was_built=was_built, models=models)

    @contextmanager
    def _cost(self, costs: dict[str, Cost], stage: str) -> Iterator[None]:
        began, since = time.perf_counter(), self.log.stat().st_size
        before = self.processor_seconds()
        yield
        costs[stage] = Cost(
            wall=time.perf_counter() - began,
            statements=self.statement_seconds(since),
            processor=self.processor_seconds() - before,
        )


def _times(pid: str) -> list[int]:
    """Return what the system says of a process, after its name and state."""
    try:
        stat = Path("/proc", pid, "stat").read_text()
    except FileNotFoundError:
        # Over since it was listed: its parent's times have it now, or will.
        return [0] * 15
    return [0, *map(int, stat.rpartition(")")[2].split()[1:])]


def seconds_of_models(project: Project) -> dict[str, float]:
    """Return how long each model and test of the last dbt took, by name."""
    artifact = json.loads((project.target / "run_results.json").read_text())
    return {
        result["unique_id"].split(".")[2]: result["execution_time"]
        for result in artifact["results"]
    }


@contextmanager
def installation(title: str) -> Iterator[Site]:
    """Give an installation of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="daybook-nights-") as folder:
        settings = read_settings(
            {"DAYBOOK_HOME": folder, "DAYBOOK_REGISTRY": str(PROJECT_ROOT / "registry")}
        )
        with warehouse(settings) as url:
            export_environment(settings, url)
            print(title)
            with connect(
                url, application_name="daybook bench", autocommit=True
            ) as connection:
                # Durations and no statements: those would hold values.
                connection.execute("alter system set log_duration = on")
                connection.execute("select pg_reload_conf()")
                refresh_registry(connection, settings.registry_dir)
                for name in SETTINGS_SHOWN:
                    row = connection.execute(
                        "select current_setting(%s)", (name,)
                    ).fetchone()
                    print(f"  {name} = {row[0] if row else None}")
            yield Site(settings, url)


def world_of(days: int, *, events: int) -> World:
    """Return a world whose last day lands about so many events, whatever its length.

    A part of them (bots, letters, flags) follows how many persons there are and not how
    active they are, and so does not shrink with them.
    """
    world = World(persons=PERSONS, days=days, start_on=LAST_DAY - timedelta(days=days))
    less, more = PILOT_ACTIVITIES
    few, many = (
        landed_on_last_day(replace(world, activity=activity))
        for activity in PILOT_ACTIVITIES
    )
    activity = less + (events - few) * (more - less) / (many - few)
    if activity <= 0:
        msg = f"{PERSONS:,} persons land more than {events:,} events by themselves"
        raise ValueError(msg)
    return replace(world, activity=activity)


def landed_on_last_day(world: World) -> int:
    """Return how many events come in on the last day of a world, late ones included."""
    with tempfile.TemporaryDirectory(prefix="daybook-pilot-") as folder:
        landed = simulate(world, Path(folder), None, first_day=world.days - 1)
    return landed.record_count


def measure_nights(days: int, *, events: int) -> History:
    """Measure the first build of a history, one more day, and a night without news."""
    # One world with a day more: the day that comes is the same to both calls.
    world = world_of(days + 1, events=events)
    before = replace(world, days=days)
    with installation(f"history of {days} days") as site:
        site.simulate(before)
        first = site.night()
        count = site.count_events()
        site.simulate(world, first_day=days)
        one_more = site.night()
        new = site.count_events() - count
        nothing = site.night()
        site.land_straggler()
        straggler = site.night()
    return History(days, count, new, first, one_more, nothing, straggler)


def measure_models(millions: int, *, events: int) -> tuple[int, Night]:
    """Measure all models from nothing over so many million events."""
    days = max(1, round(millions * 1_000_000 / events))
    with installation(f"{millions} M events in {days} days") as site:
        site.simulate(world_of(days, events=events))
        night = site.night()
        return site.count_events(), night


def report_nights(histories: list[History]) -> None:
    """Print what was measured, and the ratios."""
    for each in histories:
        print(f"{each.days} days, {each.events:,} events, {each.new_events:,} new")
        for name in ("first", "one_more", "nothing", "straggler"):
            spent: Night = getattr(each, name)
            stages = ", ".join(
                f"{stage} {getattr(spent, stage).statements:.2f}" for stage in STAGES
            )
            print(
                f"  {name:<9} {spent.wall:8.2f} s, "
                f"statements {spent.statements:8.2f} s ({stages}), "
                f"processor {spent.processor:8.2f} s"
            )
        share = each.nothing.wall / each.one_more.wall
        print(f"  nothing new / one more day: {share:.2f} (≤ 0.30)")
        if each.nothing.was_built:
            print("  dbt was started on a night without news")
    *shorter, long = histories
    for short in shorter:
        report_growth(short, long)


def report_growth(short: History, long: History) -> None:
    """Print how a night grew with the history, and the stages and models that did."""
    few, many = short.one_more, long.one_more
    grown = many.statements / few.statements
    news = long.new_events / short.new_events
    print(f"one more day on {long.days} / on {short.days} days: {grown:.2f} (≤ 1.3)")
    print(f"  by processor time of the server: {many.processor / few.processor:.2f}")
    print(f"  new events: {news:.2f}, and per new event {grown / news:.2f}")
    for stage in STAGES:
        least, most = getattr(few, stage).statements, getattr(many, stage).statements
        print(f"  {least:7.2f} -> {most:7.2f} s {stage}")
    added = {
        name: seconds - few.models.get(name, 0.0)
        for name, seconds in many.models.items()
    }
    for name in sorted(added, key=lambda name: -added[name])[:MOST_SHOWN]:
        print(f"  {few.models.get(name, 0):7.2f} -> {many.models[name]:7.2f} s {name}")


def report_models(measured: list[tuple[int, Night]]) -> None:
    """Print the time per event of each size, and how it grows."""
    for count, night in measured:
        print(
            f"{count:>12,} events: models {night.build.wall:8.1f} s, "
            f"{1e6 * night.build.wall / count:6.1f} µs per event"
        )
    (few, short), (many, long) = measured[0], measured[-1]
    if few != many:
        grown = (long.build.wall / many) / (short.build.wall / few)
        print(f"time per event, {many:,} / {few:,} events: {grown:.2f} (≤ 1)")


def main() -> None:
    """Measure every length of history, shortest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs="+", default=[30, 90, 360])
    parser.add_argument("--events", type=int, default=30_000, help="on a day")
    parser.add_argument("--millions", type=int, nargs="+", default=[])
    given = parser.parse_args()
    if given.millions:
        sizes = sorted(given.millions)
        report_models([measure_models(size, events=given.events) for size in sizes])
    else:
        lengths = sorted(given.days)
        report_nights([measure_nights(days, events=given.events) for days in lengths])


if __name__ == "__main__":
    main()
