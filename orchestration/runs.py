"""Runs of a job in this process, for the command line: the same job, same ledger."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from orchestration.resources import Warehouse

POLL_SECONDS = 0.3
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# Told of a step, what became of it, and how long it took.
Progress = Callable[[str, str, float], None]

_STATES = {
    dg.DagsterEventType.STEP_START: "started",
    dg.DagsterEventType.STEP_SUCCESS: "succeeded",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "waiting to try again",
}


@dataclass
class RunReport:
    """What a run did.

    Attributes
    ----------
    states : dict of str to str
        What became of each step, in the order they began.
    messages : list of str
        Why steps failed, as Dagster says it.
    failed_checks : list of str
        Checks that did not hold.
    metadata : dict of str to dict
        What each asset of ours said about itself, by its key.
    """

    run_id: str
    job: str
    succeeded: bool = False
    states: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


def run_job(name: str, *, url: str, progress: Progress | None = None) -> RunReport:
    """Run a job of the code location; the UI shows it like any other run.

    Parameters
    ----------
    url : str
        The warehouse, where failures and recoveries are noted.
    """
    # Reading the definitions takes seconds, which other commands should not pay.
    from orchestration.definitions import defs  # noqa: PLC0415
    from orchestration.sensors import note_failure, note_success  # noqa: PLC0415

    began = time.monotonic()
    warehouse = Warehouse(url=url)
    report = RunReport(run_id=str(uuid.uuid4()), job=name)
    job = defs.resolve_job_def(name)
    with dg.DagsterInstance.get() as instance, ThreadPoolExecutor(1) as thread:
        running = thread.submit(
            job.execute_in_process,
            instance=instance,
            run_id=report.run_id,
            raise_on_error=False,
            run_config=QUIET,
        )
        for event, at in _follow(instance, report.run_id, is_done=running.done):
            _note(report, event, at=at, tell=progress or (lambda *_: None))
        report.succeeded = running.result().success
    report.seconds = time.monotonic() - began
    if report.succeeded:
        note_success(warehouse, job=name)
    else:
        note_failure(warehouse, job=name, run_id=report.run_id)
    return report


def _follow(
    instance: dg.DagsterInstance, run_id: str, *, is_done: Callable[[], bool]
) -> Iterator[tuple[dg.DagsterEvent, float]]:
    """Yield the events of a run as they are written, until it is over."""
    cursor = None
    while True:
        was_done = is_done()
        page = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = page.cursor
        for record in page.records:
            entry = record.event_log_entry
            if entry.dagster_event is not None:
                yield entry.dagster_event, entry.timestamp
        if was_done and not page.records:
            return
        if not page.records:
            time.sleep(POLL_SECONDS)


def _note(
    report: RunReport, event: dg.DagsterEvent, *, at: float, tell: Progress
) -> None:
    kind = event.event_type
    if kind in _STATES and event.step_key:
        step, state = event.step_key, _STATES[kind]
        report.states[step] = state
        tell(step, state, at)
        if state == "failed" and (error := event.step_failure_data.error):
            report.messages.append(f"{step}: {error.message.strip()}")
    elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
        made = event.step_materialization_data.materialization
        if made.partition is None:
            report.metadata[made.asset_key.to_user_string()] = {
                name: value.value for name, value in made.metadata.items()
            }
    elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            report.failed_checks.append(evaluation.check_name)
