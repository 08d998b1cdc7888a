"""Runs through Dagster's own storage: paused, queued, dead, purged, and counted."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from orchestration.health.runs import Run, note_run
from orchestration.warehouse.connection import connect
from tests.end_to_end.house import made_database
from tests.warehouse.histories import at, point_dbt_at

ROOT = Path(__file__).parents[2]
# In a process of its own: the definitions keep the settings that they were read with.
PROGRAM = """
import json, os
from datetime import UTC, datetime
import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
)
from orchestration.health.assets import KEPT, purge
from orchestration.health.pauses import pause, resume
from orchestration.resources import Warehouse
from orchestration.schedules import every_15_minutes, every_night
from orchestration.sensors import COMMAND_LINE, LAUNCHED_BY, bury_the_dead, note_runs

QUEUED, STARTED = dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
warehouse = Warehouse(url=os.environ["DAYBOOK_DATABASE_URL"])
HERE = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("daybook"), "daybook")
ORIGIN = RemoteJobOrigin(HERE, "refresh")

def add(count, status, origin=None, **tags):
    for _ in range(count):
        instance.add_run(
            dg.DagsterRun("refresh", status=status, tags=tags, remote_job_origin=origin)
        )

def count(status):
    return instance.get_runs_count(dg.RunsFilter(statuses=[status]))

def ticks():
    context = dg.build_schedule_context(instance, resources={"warehouse": warehouse})
    both = every_15_minutes(context), every_night(context)
    return [getattr(said, "skip_message", "run") for said in both]

said = {}
with dg.DagsterInstance.get() as instance:
    said["idle"] = ticks()
    with warehouse.connection("tests") as connection:
        pause(connection, reason="we move house")
    said["paused"] = ticks()
    with warehouse.connection("tests") as connection:
        resume(connection)
    said["resumed"] = ticks()
    add(1, STARTED, **{LAUNCHED_BY: COMMAND_LINE})
    add(1, STARTED)
    said["dead"] = bury_the_dead(instance, warehouse)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    note_runs(instance, warehouse, since=since)
    add(7, SUCCESS)
    succeeded = dg.RunsFilter(statuses=[SUCCESS])
    before = instance.get_run_ids(succeeded)
    said["purged"] = purge(instance, job="refresh", status=SUCCESS, keep=5)
    said["newest"] = instance.get_run_ids(succeeded) == before[:5]
    said["left"] = [count(SUCCESS), count(FAILURE)]
    said["kept"] = [KEPT[SUCCESS], KEPT[FAILURE]]
    add(2, QUEUED, ORIGIN)
with dg.DagsterInstance.get() as instance:
    said["queued"] = count(QUEUED)
    said["waiting"] = ticks()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(server_url, template_database, tmp_path_factory):
    """What the program says, and what it leaves in the warehouse."""
    home = tmp_path_factory.mktemp("orchestration")
    with (
        made_database(server_url, "orchestrated", template=template_database) as url,
        made_database(server_url, "orchestrator") as dagster_url,
    ):
        point_dbt_at(url)
        made = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env={
                **os.environ,
                "DAYBOOK_HOME": str(home),
                "DAYBOOK_DATABASE_URL": url,
                "DAYBOOK_DAGSTER_URL": dagster_url,
                "DAYBOOK_DAGSTER_FILES": str(home / "dagster"),
                "DAGSTER_HOME": str(ROOT),
                "DAGSTER_DISABLE_TELEMETRY": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]
        found = json.loads(made.stdout.splitlines()[-1])
        with connect(url, application_name="tests") as left:
            found["runs"] = left.execute("select state from ops.runs order by 1")
            found["runs"] = [state for (state,) in found["runs"]]
            found["alerts"] = left.execute(
                "select incident_key, severity from ops.alerts"
            ).fetchall()
            found["status"] = left.execute(
                "select state, reason from published.status"
            ).fetchone()
        yield found


def test_nothing_starts_while_paused_and_the_reason_is_said(said):
    assert said["idle"] == said["resumed"] == ["run", "run"]
    assert all("we move house" in reason for reason in said["paused"])


def test_a_run_whose_process_was_killed_is_found_alerted_and_told_to_readers(said):
    assert said["dead"] == 1
    assert said["runs"] == ["failed", "running"]
    assert said["alerts"] == [("job:refresh", "critical")]
    assert said["status"] == ("held", "the job refresh failed")


def test_a_purge_keeps_the_newest_runs_of_each_end(said):
    assert said["purged"] == 2
    assert said["newest"]
    assert said["left"] == [5, 1]
    assert said["kept"] == [100, 500]


def test_a_restart_keeps_queued_runs_and_none_queues_behind_its_like(said):
    assert said["queued"] == 2
    assert said["waiting"] == ["a run of refresh is waiting already", "run"]


def test_statistics_of_runs_are_those_of_the_noted_ones(connection):
    begun = connection.execute("select now() - interval '1 day'").fetchone()[0]
    connection.commit()
    for number in range(20):
        state = "failed" if number == 19 else "succeeded"
        ended = begun + timedelta(seconds=number)
        run = Run(f"r{number}", "refresh", state, "a test", begun, begun, ended)
        assert note_run(connection, run)
        assert not note_run(connection, run)
    note_run(connection, Run("w", "refresh", "waiting", "a test", begun))
    note_run(connection, Run("old", "refresh", "failed", "a test", at(days=-400)))
    row = connection.execute(
        "select waiting_count, running_count, succeeded_count, failed_count, "
        "median_seconds, p95_seconds from ops.run_statistics where job = 'refresh'"
    ).fetchone()
    assert row[:4] == (1, 0, 19, 1)
    # Of 0 to 18 seconds, nine lie below the median; 0.95 x 18 is 17.1.
    assert row[4:] == (9, pytest.approx(17.1))
