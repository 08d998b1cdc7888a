"""Runs of a job in this process, for the command line: the same job, same ledger."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from orchestration.health.runs import life_line
from orchestration.raw.memory import few_collections
from orchestration.resources import Warehouse

POLL_SECONDS = 0.3
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}

# Told of a step what became of it or what it says, and when.
Progress = Callable[["RunReport", str, str, float], None]

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


@few_collections()
def run_job(name: str, *, url: str, progress: Progress | None = None) -> RunReport:
    """Run a job of the code location; the UI shows it like any other run.

    Parameters
    ----------
    url : str
        The warehouse, where the run and what follows from it are noted.
    """
    # Reading the definitions takes seconds, which other commands should not pay.
    from orchestration.definitions import defs  # noqa: PLC0415
    from orchestration.sensors import (  # noqa: PLC0415
        COMMAND_LINE,
        LAUNCHED_BY,
        bury_the_dead,
        deliver,
        note_run_of,
    )

    began = time.monotonic()
    warehouse = Warehouse(url=url)
    report = RunReport(run_id=str(uuid.uuid4()), job=name)
    job = defs.resolve_job_def(name)
    with dg.DagsterInstance.get() as instance, life_line(url, report.run_id):
        bury_the_dead(instance, warehouse)
        try:
            with _followed(instance, report, tell=progress or _tell_nobody):
                # In the main thread, so that Ctrl-C reaches the step at work.
                result = job.execute_in_process(
                    instance=instance,
                    run_id=report.run_id,
                    raise_on_error=False,
                    run_config=QUIET,
                    tags={LAUNCHED_BY: COMMAND_LINE},
                )
            report.succeeded = result.success
        finally:
            report.seconds = time.monotonic() - began
            note_run_of(instance, warehouse, report.run_id)
            deliver(warehouse)
    return report


def _tell_nobody(report: RunReport, step: str, state: str, at: float) -> None:
    pass


def _reason(error: Any) -> str:
    """Return what is at the bottom of an error, without details of rows."""
    while error.cause is not None:
        error = error.cause
    return error.message.strip().partition("\n")[0]


@contextmanager
def _followed(
    instance: dg.DagsterInstance, report: RunReport, *, tell: Progress
) -> Iterator[None]:
    """Note the events of the run beside it while the block runs it."""
    is_over = threading.Event()

    def follow() -> None:
        for entry in _entries(instance, report.run_id, is_over=is_over.is_set):
            if entry.dagster_event is not None:
                _note(report, entry.dagster_event, at=entry.timestamp, tell=tell)
            elif entry.step_key:
                tell(report, entry.step_key, entry.user_message, entry.timestamp)

    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _entries(
    instance: dg.DagsterInstance, run_id: str, *, is_over: Callable[[], bool]
) -> Iterator[dg.EventLogEntry]:
    """Yield the log of a run as it is written, until the run is over."""
    cursor = None
    while True:
        was_over = is_over()
        page = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = page.cursor
        for record in page.records:
            yield record.event_log_entry
        if was_over and not page.records:
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
        tell(report, step, state, at)
        if state == "failed" and (error := event.step_failure_data.error):
            report.messages.append(f"{step}: {_reason(error)}")
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
