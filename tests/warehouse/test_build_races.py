"""Races of whole builds: together they leave what one alone would have left."""

import multiprocessing
import os
import signal
import time
from datetime import timedelta

import psutil
import psycopg
import pytest

from orchestration.transform.builds import Request
from orchestration.transform.run import read_plan, run_build
from orchestration.warehouse.connection import connect
from tests.warehouse.histories import Event, at, load, point_dbt_at, remove
from tests.warehouse.tiny_project import make_project, slow_down

REQUEST = Request(run_id="race", patience=timedelta(seconds=120))
SPAWN = multiprocessing.get_context("spawn")
RECOUNT = "select occurred_on, 2 * count(*) from raw.events group by occurred_on"
DOUBLED = "select day, event_count from marts.days_doubled"


def build_on_order(url, project, orders, outcomes, in_process):
    """What a run worker does, once for every order: one whole build."""
    point_dbt_at(url)
    while orders.get():
        report = run_build(url, project=project, request=REQUEST, in_process=in_process)
        outcomes.put((report.build_id, report.failure))


def start_worker(url, project, *, in_process=True):
    orders, outcomes = SPAWN.Queue(), SPAWN.Queue()
    worker = SPAWN.Process(
        target=build_on_order,
        args=(url, project, orders, outcomes, in_process),
        daemon=True,
    )
    worker.start()
    return worker, orders, outcomes


def rows(url, query):
    with connect(url, application_name="tests") as reader:
        return sorted(reader.execute(query).fetchall())


def wait_for(url, query, seconds=60):
    """Poll until the query returns something, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = rows(url, query)
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"waited in vain: {query}")


@pytest.fixture
def project(tmp_path, database):
    point_dbt_at(database)
    return make_project(tmp_path)


def test_builds_that_race_take_turns(project, tmp_path, database, connection):
    others = [make_project(tmp_path / name) for name in ("first", "second")]
    workers = [start_worker(database, other) for other in others]
    for race in range(4):
        new = [Event(f"e{race}-{number}", at(days=number)) for number in range(3)]
        load(connection, new)
        if race:
            remove(connection, [Event(f"e{race - 1}-0", at(), device_id="d1")])
        for _, orders, _ in workers:
            orders.put(True)
        found = [outcomes.get(timeout=180) for _, _, outcomes in workers]
        # One built; the other came second and found nothing left to do.
        assert sorted(build_id is None for build_id, _ in found) == [False, True]
        assert [failure for _, failure in found] == [None, None]
        assert rows(database, DOUBLED) == rows(database, RECOUNT)
        assert read_plan(database, project).is_empty
    for worker, orders, _ in workers:
        orders.put(False)
        worker.join(timeout=60)


def test_the_orphan_of_a_killed_worker_is_fenced(project, database, connection):
    load(connection, [Event("a", at()), Event("b", at(days=1))])
    slow_down(project, 1)
    worker, orders, _ = start_worker(database, project, in_process=False)
    orders.put(True)
    in_flight = """
        select pid from pg_stat_activity
        where application_name = 'daybook build 1' and query like '%pg_sleep%'
            and state = 'active' and pid <> pg_backend_pid()
    """
    wait_for(database, in_flight)
    orphans = psutil.Process(worker.pid).children()
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    # The worker is gone, its dbt lives on, in the middle of a model.
    assert [orphan.is_running() for orphan in orphans] == [True]
    load(connection, [Event("c", at(days=2))])
    report = run_build(database, project=project, request=REQUEST)
    assert report.failure is None
    psutil.wait_procs(orphans, timeout=60)
    assert rows(database, DOUBLED) == rows(database, RECOUNT)
    states = rows(database, "select build_id, state from ops.builds")
    assert states == [(1, "superseded"), (2, "succeeded")]
    # Nothing was written under the old build's name after it was superseded.
    with (
        connect(database, application_name="late") as late,
        pytest.raises(psycopg.Error, match="superseded"),
    ):
        late.execute("select ops.require_build(1)")
    assert read_plan(database, project).is_empty
