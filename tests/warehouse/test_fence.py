"""One build at a time: loads wait for it, and nothing of an older one can write."""

import multiprocessing
import os
import signal
import threading
import time
from datetime import timedelta

import psycopg
import pytest

from orchestration.transform.builds import (
    BuildLostError,
    Request,
    begin_build,
    finish_build,
)
from orchestration.transform.fence import BuildRunningError
from orchestration.warehouse.connection import connect
from tests.warehouse.histories import Event, at, load

REQUEST = Request(run_id="test", patience=timedelta(seconds=20))
IMPATIENT = Request(run_id="test", patience=timedelta(milliseconds=200))


def begin(url, request=REQUEST):
    return begin_build(url, request=request, definitions={})


def hold_build(url, ready):
    """A worker that begins a build and never ends it."""
    build = begin(url)
    ready.put(build.build_id)
    time.sleep(600)


@pytest.fixture
def killed_build(database, connection):
    """The id of a build whose worker was killed without a chance to clean up."""
    load(connection, [Event("a", at())])
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    worker = context.Process(target=hold_build, args=(database, ready), daemon=True)
    worker.start()
    build_id = ready.get(timeout=60)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    return build_id


def test_a_second_build_refuses_while_the_first_one_runs(database, connection):
    load(connection, [Event("a", at())])
    first = begin(database)
    with pytest.raises(BuildRunningError):
        begin(database, IMPATIENT)
    finish_build(first)


def test_a_load_waits_until_the_build_is_over(database, connection):
    load(connection, [Event("a", at())])
    build = begin(database)
    with connect(database, application_name="tests") as other:
        other.execute("set lock_timeout = '200ms'")
        wait = "select pg_advisory_xact_lock_shared(hashtext('daybook.truth'))"
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(wait)
        other.rollback()
        finish_build(build)
        other.execute(wait)


def test_a_killed_worker_lets_go_and_is_superseded(killed_build, database, connection):
    build = begin(database)
    assert build.superseded == (killed_build,)
    finish_build(build)
    states = connection.execute("select state from ops.builds order by build_id")
    assert states.fetchall() == [("superseded",), ("succeeded",)]


def test_what_a_killed_worker_left_running_cannot_write(killed_build, database):
    # The orphan's session: between two models, in dbt's pool.
    orphan = connect(database, application_name="dbt", autocommit=True)
    orphan.execute("select ops.require_build(%s)", (killed_build,))
    # Another one of it, opened when the takeover has happened already.
    finish_build(begin(database))
    with pytest.raises(psycopg.OperationalError):
        orphan.execute("select 1")
    with connect(database, application_name="dbt") as late:
        with pytest.raises(psycopg.Error, match="superseded") as raised:
            late.execute("select ops.require_build(%s)", (killed_build,))
        assert raised.value.sqlstate == "DB001"


def test_a_takeover_waits_for_the_model_in_flight(killed_build, database):
    orphan = connect(database, application_name="dbt")
    orphan.execute("create table public.written (n integer)")
    orphan.commit()
    orphan.execute("select ops.require_build(%s)", (killed_build,))
    orphan.execute("insert into public.written values (1)")
    begun = []
    taker = threading.Thread(target=lambda: begun.append(begin(database)))
    taker.start()
    taker.join(timeout=0.5)
    assert not begun
    orphan.commit()
    taker.join(timeout=20)
    finish_build(begun[0])
    with connect(database, application_name="tests") as reader:
        assert reader.execute("select n from public.written").fetchall() == [(1,)]


def test_a_model_that_never_ends_is_ended(killed_build, database, monkeypatch):
    patience = timedelta(milliseconds=300)
    monkeypatch.setattr("orchestration.transform.fence.MODEL_PATIENCE", patience)
    orphan = connect(database, application_name="dbt")
    orphan.execute("select ops.require_build(%s)", (killed_build,))
    finish_build(begin(database))
    with pytest.raises(psycopg.OperationalError):
        orphan.execute("select 1")


def test_a_build_that_lost_its_session_settles_nothing(database, connection):
    load(connection, [Event("a", at())])
    lost = begin(database)
    connection.execute(
        "select pg_terminate_backend(%s, 5000)", (lost.connection.info.backend_pid,)
    )
    connection.commit()
    with pytest.raises(BuildLostError):
        finish_build(lost)
    unsettled = connection.execute(
        "select count(*) from ops.touched_days where settled_by is null"
    )
    assert unsettled.fetchone() == (1,)


def test_a_superseded_build_cannot_finish(database, connection):
    load(connection, [Event("a", at())])
    stale = begin(database)
    connection.execute(
        "insert into ops.builds (run_id, is_full_selection) values ('other', true)"
    )
    connection.execute("update ops.current_build set build_id = build_id + 1")
    connection.commit()
    with pytest.raises(BuildLostError):
        finish_build(stale)
