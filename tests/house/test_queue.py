"""The run queue under load, as dagster.yaml sets it up: limits hold, nobody starves."""

import random

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

from orchestration.schedules import JOBS
from tests.house.conftest import ROOT

RUNS = 24
IN_TURN = "daybook/in_turn"
DONE = dg.DagsterRunStatus.SUCCESS
AT_WORK = dg.DagsterRunStatus.STARTED
WAITING = dg.DagsterRunStatus.QUEUED
EVENTS = {
    AT_WORK: dg.DagsterEventType.RUN_START,
    DONE: dg.DagsterEventType.RUN_SUCCESS,
}
HERE = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("daybook"), "daybook")


@pytest.fixture
def instance(tmp_path):
    told = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    overrides = {name: told[name] for name in ("run_coordinator", "concurrency")}
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as made:
        yield made


def enqueue(instance, job, number):
    instance.add_run(
        dg.DagsterRun(
            job_name=job.name,
            run_id=f"{number:032x}",
            tags={name: str(value) for name, value in job.tags.items()},
            status=WAITING,
            remote_job_origin=RemoteJobOrigin(HERE, job.name),
        )
    )


def runs(instance, status):
    return instance.get_runs(dg.RunsFilter(statuses=[status]))


def move(instance, run, status):
    event = dg.DagsterEvent(EVENTS[status].value, job_name=run.job_name)
    instance.run_storage.handle_run_event(run.run_id, event)


@pytest.mark.thorough
def test_limits_hold_under_load_and_every_run_has_its_turn(instance):
    chance = random.Random(3)
    for number in range(RUNS):
        enqueue(instance, chance.choice(JOBS), number)
    limit = instance.get_concurrency_config().run_queue_config.max_concurrent_runs
    assert limit == 2
    begun, most, most_in_turn = [], 0, 0
    with QueuedRunCoordinatorDaemon(interval_seconds=1) as daemon:
        while runs(instance, WAITING) or runs(instance, AT_WORK):
            config = instance.get_concurrency_config()
            for run in daemon._get_runs_to_dequeue(instance, config, None):
                move(instance, run, AT_WORK)
                begun.append(run)
            at_work = runs(instance, AT_WORK)
            most = max(most, len(at_work))
            most_in_turn = max(
                most_in_turn, sum(IN_TURN in run.tags for run in at_work)
            )
            move(instance, chance.choice(at_work), DONE)
    assert (most, most_in_turn) == (limit, 1)
    assert len(begun) == RUNS
    # Those that work in turn do so in the order in which they came.
    in_order = [run.run_id for run in begun if IN_TURN in run.tags]
    assert in_order == sorted(in_order)
