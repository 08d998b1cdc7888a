"""What Dagster adds: the job on tiny data beside `dbt build` alone on the same data.

    python -m benchmarks.orchestration [--rounds 3]

Prints ratios: only they can be compared between machines.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from orchestration.registry.storing import refresh_registry
from orchestration.settings import (
    PROJECT_ROOT,
    Settings,
    export_environment,
    read_settings,
)
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.dbt_run import BUILD_ARGUMENTS, Project, run_dbt
from orchestration.transform.run import read_definitions
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
    dbt, dagster = statistics.median(alone), statistics.median(job)
    print(f"{datetime.now(tz=UTC):%Y-%m-%d}, medians of {rounds} rounds")
    print(f"dbt build alone      {dbt:6.2f} s")
    print(f"refresh by Dagster   {dagster:6.2f} s")
    print(f"refresh / dbt build  {dagster / dbt:6.2f}  (≤ 3)")


if __name__ == "__main__":
    main()
