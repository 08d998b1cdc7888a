"""What Dagster adds: the job on tiny data beside `dbt build` alone on the same data.

    python -m benchmarks.orchestration [--rounds 3]

Then every step of the job beside the function that does its work. Prints ratios and
differences of one run: only they can be compared between machines.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg

from orchestration.experiments.results import read_results, store_results
from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.raw.app_sources import extract_app_sources
from orchestration.raw.loading import load_landing
from orchestration.registry.storing import refresh_registry
from orchestration.runs import RunReport, run_job
from orchestration.segments.evaluation import bring_up_to_date
from orchestration.settings import (
    PROJECT_ROOT,
    Settings,
    export_environment,
    read_settings,
)
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.dbt_run import (
    BUILD_ARGUMENTS,
    Project,
    load_manifest,
    run_dbt,
)
from orchestration.transform.run import read_definitions, run_build
from orchestration.transform.touch import touch_days
from orchestration.warehouse.connection import connect
from orchestration.warehouse.server import warehouse

DAYBOOK = [sys.executable, "-c", "from orchestration.cli import main; main()"]
FIRST_DAY, LAST_DAY = date(2026, 10, 1), date(2026, 10, 3)


def touch(url: str) -> None:
    """Give every day news, so that both sides build the same."""
    with connect(url, application_name="daybook bench") as connection:
        touch_days(
            connection, first_day=FIRST_DAY, last_day=LAST_DAY, reason="benchmark"
        )


def dbt_alone(settings: Settings, url: str) -> float:
    """Return the seconds of one dbt command over what a build claims."""
    project = Project.of(settings)
    touch(url)
    build = begin_build(
        url,
        request=Request(run_id="bench", timezone=settings.timezone),
        definitions=read_definitions(url, project),
    )
    if build is None:
        msg = "touched days are news"
        raise RuntimeError(msg)
    began = time.perf_counter()
    with build.told_to_dbt():
        succeeded = run_dbt(project, BUILD_ARGUMENTS, in_process=False)
    seconds = time.perf_counter() - began
    finish_build(build, failure=None if succeeded else "dbt failed")
    return seconds


def whole_job(url: str) -> float:
    """Return the seconds of one refresh in a process of its own, start included."""
    touch(url)
    began = time.perf_counter()
    subprocess.run([*DAYBOOK, "run", "refresh"], check=True, capture_output=True)
    return time.perf_counter() - began


def steps_of_job(url: str) -> dict[str, float]:
    """Return the seconds of every step of a refresh in this process."""
    began: dict[str, float] = {}
    spent: dict[str, float] = {}

    def note(_: RunReport, step: str, state: str, at: float) -> None:
        if state == "started":
            began[step] = at
        elif state == "succeeded":
            spent[step] = at - began[step]

    touch(url)
    report = run_job("refresh", url=url, progress=note)
    if not report.succeeded:
        raise RuntimeError(report.messages)
    return spent


def bare_steps(settings: Settings, url: str) -> dict[str, float]:
    """Return the seconds of what the steps do, without Dagster, over the same news."""
    spent: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[psycopg.Connection]:
        began = time.perf_counter()
        with connect(url, application_name="daybook bench") as connection:
            yield connection
        spent[step] = time.perf_counter() - began

    project = Project.of(settings)
    tables = published_tables(load_manifest(project))
    touch(url)
    with timed("registry__definitions") as connection:
        refresh_registry(connection, settings.registry_dir)
    with timed("raw__landing_files"):
        load_landing(url, settings=settings, now=datetime.now(tz=UTC))
    with timed("app_tables"):
        extract_app_sources(url, settings=settings)
    with timed("dbt_models"):
        report = run_build(
            url,
            project=project,
            request=Request(run_id="bench", timezone=settings.timezone),
            in_process=False,
        )
    with timed("experiments__experiment_results") as connection:
        store_results(connection, read_results(connection))
    with timed("segments") as connection:
        bring_up_to_date(connection, timezone=settings.timezone)
    with timed("published__status") as connection:
        terms = Terms(timezone=settings.timezone, build_id=report.build_id)
        publish(connection, tables=tables, terms=terms)
    return spent


def report_steps(job: list[dict[str, float]], bare: list[dict[str, float]]) -> None:
    """Print every step of the job beside its function, medians of the rounds."""
    print("step                               in job     bare    more (≤ 1)")
    for step in job[-1]:
        inside = statistics.median(each.get(step, 0) for each in job)
        alone = statistics.median(each.get(step, 0) for each in bare)
        shown = f"{alone:6.2f} s {inside - alone:6.2f} s" if step in bare[-1] else ""
        print(f"{step:<32} {inside:6.2f} s {shown}".rstrip())


def main() -> None:
    """Measure both sides in turn, and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
        settings = read_settings(
            {"DAYBOOK_HOME": folder, "DAYBOOK_REGISTRY": str(PROJECT_ROOT / "registry")}
        )
        with warehouse(settings) as url:
            export_environment(settings, url)
            with connect(url, application_name="daybook bench") as connection:
                refresh_registry(connection, settings.registry_dir)
            world = World(persons=50, days=3, start_on=FIRST_DAY)
            simulate(world, Path(settings.landing_url), None)
            # The first of each reads definitions and builds from nothing.
            whole_job(url)
            dbt_alone(settings, url)
            alone = [dbt_alone(settings, url) for _ in range(rounds)]
            job = [whole_job(url) for _ in range(rounds)]
            # The first of each imports what the others find imported.
            steps = [steps_of_job(url) for _ in range(rounds + 1)][1:]
            bare = [bare_steps(settings, url) for _ in range(rounds + 1)][1:]
    dbt, dagster = statistics.median(alone), statistics.median(job)
    print(f"{datetime.now(tz=UTC):%Y-%m-%d}, medians of {rounds} rounds")
    print(f"dbt build alone      {dbt:6.2f} s")
    print(f"refresh by Dagster   {dagster:6.2f} s")
    print(f"refresh / dbt build  {dagster / dbt:6.2f}  (≤ 3)")
    report_steps(steps, bare)


if __name__ == "__main__":
    main()
