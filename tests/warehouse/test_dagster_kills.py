"""Runs that are killed: noticed, told of once, and made good by the next one."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from orchestration.quality.published_tables import published_tables
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.equivalence import unpublished_tables
from orchestration.warehouse.connection import connect
from tests.warehouse.histories import PROJECT, point_dbt_at

ROOT = Path(__file__).parents[2]
WORLD = World(persons=40, days=3, start_on=date(2026, 9, 1), activity=0.6)
PATIENCE = 180
BUILDING = """
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name ~ '^daybook build [0-9]+$'
    and state = 'active' and query ilike '%insert into%'
"""


class House:
    """An installation of its own, driven from outside as a person drives it."""

    def __init__(self, url, dagster_url, folder):
        self.url = url
        self.dagster_url = dagster_url
        self.folder = folder
        self.environment = {
            **os.environ,
            "DAYBOOK_HOME": str(folder),
            "DAYBOOK_LANDING": str(folder / "landing"),
            "DAYBOOK_DATABASE_URL": url,
            "DAYBOOK_DAGSTER_URL": dagster_url,
            "DAYBOOK_PSEUDONYM_KEY": "a key for tests",
            "PYTHONUNBUFFERED": "1",
        }
        simulate(WORLD, folder / "landing", None, None)
        for path in (folder / "landing").rglob("*"):
            os.utime(path, (0, 0))

    def start(self, *arguments):
        """Start the daybook command, in a group of its own."""
        program = "from orchestration.cli import main; main()"
        log = (self.folder / "log").open("a")
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=log,
            process_group=0,
        )

    def run(self, job):
        code = self.start("run", job).wait(PATIENCE)
        assert code == 0, (self.folder / "log").read_text()[-2000:]

    def rows(self, query):
        with connect(self.url, application_name="tests") as connection:
            return connection.execute(query).fetchall()

    def wait_for(self, is_so, *, within=PATIENCE):
        """Wait until something is so; return for how long."""
        began = time.monotonic()
        while not is_so():
            assert time.monotonic() - began < within, "it did not happen in time"
            time.sleep(0.1)
        return time.monotonic() - began

    def wait_for_a_model(self):
        """Wait until a model is being written."""
        self.wait_for(lambda: self.rows(BUILDING)[0][0] > 0)

    def is_sound(self):
        """Whether everything loaded is built, and everything built is published."""
        point_dbt_at(self.url)
        manifest = load_manifest(Project(PROJECT, self.folder / "dbt" / "target"))
        unsettled = "select count(*) from ops.touched_days where settled_by is null"
        lost = "select count(*) from ops.conservation() where difference <> 0"
        with connect(self.url, application_name="tests") as connection:
            unpublished = unpublished_tables(connection, published_tables(manifest))
        return (self.rows(unsettled), self.rows(lost), unpublished) == (
            [(0,)],
            [(0,)],
            [],
        )


@pytest.fixture
def house(database, empty_database, tmp_path):
    return House(database, empty_database, tmp_path)


def alerts(house):
    return house.rows(
        "select resolved_at is not null from ops.alerts "
        "where incident_key = 'job:refresh' order by alert_id"
    )


def test_a_run_killed_while_it_builds_is_made_good_by_the_next(house):
    killed = house.start("run", "refresh")
    house.wait_for_a_model()
    # The process alone: its dbt lives on, as after a crash.
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert house.rows("select state from ops.builds") == [("running",)]

    house.run("refresh")

    assert house.rows("select state from ops.builds order by build_id") == [
        ("superseded",),
        ("succeeded",),
    ]
    assert house.rows("select state from ops.runs order by created_at") == [
        ("failed",),
        ("succeeded",),
    ]
    assert alerts(house) == [(True,)]
    assert house.is_sound()


@pytest.mark.long
def test_an_interrupted_run_ends_at_once_and_settles_nothing(house):
    interrupted = house.start("run", "refresh")
    house.wait_for_a_model()
    os.kill(interrupted.pid, signal.SIGINT)
    assert interrupted.wait(60) != 0
    settled = "select count(*) from ops.touched_days where settled_by is not null"
    assert house.rows(settled) == [(0,)]
    house.run("refresh")
    assert house.is_sound()


STARTED = """
    select substring(event from 'Started process for run \\(pid: (\\d+)\\)')
    from event_logs where event like '%Started process for run (pid: %'
    order by id desc limit 1
"""


@pytest.fixture
def ui(house):
    """The UI with its daemon, which starts a refresh because files have landed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = house.start("dev", "--port", str(port))
    yield started
    if started.poll() is None:
        os.kill(started.pid, signal.SIGINT)
        started.wait(60)


@pytest.mark.long
def test_a_killed_worker_is_told_of_once_and_made_good_by_itself(house, ui):
    house.wait_for_a_model()
    with connect(house.dagster_url, application_name="tests") as storage:
        [(worker,)] = storage.execute(STARTED).fetchall()
    os.kill(int(worker), signal.SIGKILL)
    told = "select count(*) from ops.alerts where delivered_at is not null"
    waited = house.wait_for(lambda: house.rows(told) == [(1,)], within=60)
    assert waited < 60
    # Dagster tries the run again by itself, and that closes the incident.
    house.wait_for(lambda: alerts(house) == [(True,)], within=300)
    assert house.rows("select state from ops.builds order by build_id") == [
        ("superseded",),
        ("succeeded",),
    ]
    assert house.is_sound()
    os.kill(ui.pid, signal.SIGINT)
    assert ui.wait(60) is not None
