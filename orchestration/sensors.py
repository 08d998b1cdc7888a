"""What reacts: to files that land, and to what becomes of runs."""

import hashlib
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.health.alerts import deliver_alerts
from orchestration.health.pauses import pause_reason
from orchestration.health.runs import CheckOutcome, Run, is_alive, note_run
from orchestration.quality.publishing import hold
from orchestration.raw.loading import find_unloaded
from orchestration.resources import Warehouse
from orchestration.schedules import nightly, refresh

LAUNCHED_BY = "daybook/launched_by"
COMMAND_LINE = "the command line"
# Clocks of several processes write the times that runs are sorted by.
OVERLAP = timedelta(minutes=2)
FIRST_LOOK = timedelta(days=1)
THE_HOUSE = {refresh.name, nightly.name}

_STATES = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "canceled",
    dg.DagsterRunStatus.QUEUED: "waiting",
    dg.DagsterRunStatus.NOT_STARTED: "waiting",
}


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refresh as soon as finished files lie in the landing store unloaded.",
)
def files_landed(
    context: dg.SensorEvaluationContext, warehouse: Warehouse
) -> dg.RunRequest | dg.SkipReason:
    """Refresh as soon as finished files lie in the landing store unloaded."""
    with warehouse.connection("daybook sensor") as connection:
        reason = pause_reason(connection)
    if reason:
        return dg.SkipReason(f"paused since {reason}")
    names = find_unloaded(
        warehouse.url, settings=warehouse.settings, now=datetime.now(tz=UTC)
    )
    if not names:
        return dg.SkipReason("No new file.")
    context.log.info(f"{len(names)} new files")
    # The same files make one run, however often they are seen before it ends.
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return dg.RunRequest(run_key=digest)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Note what became of every run, and alert once per incident.",
)
def runs_watched(
    context: dg.SensorEvaluationContext, warehouse: Warehouse
) -> dg.SkipReason:
    """Note what became of every run, alert once per incident, deliver what waits.

    One look over all runs instead of a sensor per status, which would see five runs a
    tick each, in no common order, and never those whose process was killed.
    """
    now = datetime.now(tz=UTC)
    since = (
        datetime.fromisoformat(context.cursor) - OVERLAP
        if context.cursor
        else now - FIRST_LOOK
    )
    bury_the_dead(context.instance, warehouse)
    noted = note_runs(context.instance, warehouse, since=since)
    delivered = deliver(warehouse)
    context.update_cursor(now.isoformat())
    return dg.SkipReason(f"{noted} runs noted, {delivered} alerts delivered")


def note_runs(
    instance: dg.DagsterInstance, warehouse: Warehouse, *, since: datetime
) -> int:
    """Note every run that changed since then; return how many had news."""
    changed = dg.RunsFilter(updated_after=since)
    runs = [_run(record) for record in instance.get_run_records(changed)]
    # A success closes the alert of the failure before it, not of the one after.
    runs.sort(key=lambda run: run.finished_at or run.created_at)
    return sum(note(instance, warehouse, run) for run in runs)


def note_run_of(
    instance: dg.DagsterInstance, warehouse: Warehouse, run_id: str
) -> bool:
    """Note the run of that id, if Dagster knows it."""
    record = instance.get_run_record_by_id(run_id)
    return record is not None and note(instance, warehouse, _run(record))


def note(instance: dg.DagsterInstance, warehouse: Warehouse, run: Run) -> bool:
    """Note one run; a failure of the house says so to readers, too."""
    checks = _checks(instance, run.run_id) if run.finished_at else []
    with warehouse.connection("daybook alert", autocommit=True) as connection:
        is_news = note_run(connection, run, checks)
        if is_news and run.state == "failed" and run.job in THE_HOUSE:
            hold(connection, reason=f"the job {run.job} failed")
    return is_news


def deliver(warehouse: Warehouse) -> int:
    """Deliver the alerts that nobody was told of yet; return how many."""
    with warehouse.connection("daybook alert") as connection:
        return deliver_alerts(connection, webhook=warehouse.settings.alert_webhook)


def bury_the_dead(instance: dg.DagsterInstance, warehouse: Warehouse) -> int:
    """Fail the runs of the command line whose process is gone; return how many.

    The code server watches the processes that it started; of others nobody tells, and
    a run that is called started keeps the queue waiting.
    """
    unfinished = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
        tags={LAUNCHED_BY: COMMAND_LINE},
    )
    with warehouse.connection("daybook sensor") as connection:
        dead = [
            run
            for run in instance.get_runs(unfinished)
            if not is_alive(connection, run.run_id)
        ]
    for run in dead:
        instance.report_run_failed(run, "The process that ran it is gone.")
        note_run_of(instance, warehouse, run.run_id)
    return len(dead)


def _run(record: dg.RunRecord) -> Run:
    run = record.dagster_run
    launched_by = (
        run.tags.get("dagster/schedule_name")
        or run.tags.get("dagster/sensor_name")
        or run.tags.get(LAUNCHED_BY)
        or "a person"
    )
    return Run(
        run_id=run.run_id,
        job=run.job_name,
        state=_STATES.get(run.status, "running"),
        launched_by=launched_by,
        created_at=record.create_timestamp.astimezone(UTC),
        started_at=_moment(record.start_time),
        finished_at=_moment(record.end_time),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)


def _checks(instance: dg.DagsterInstance, run_id: str) -> list[CheckOutcome]:
    """Return what the checks of a run said, the last word of each."""
    records = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    found = {}
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        said = event.asset_check_evaluation_data
        name = f"{said.asset_key.to_user_string()}:{said.check_name}"
        found[name] = CheckOutcome(
            name=name,
            passed=said.passed,
            is_blocking=bool(said.blocking),
            severity=said.severity.value,
            detail=said.description,
        )
    return list(found.values())


SENSORS = [files_landed, runs_watched]
