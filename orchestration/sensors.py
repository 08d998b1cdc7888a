"""What reacts: to files that land, and to runs that fail or recover."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from orchestration.health.alerts import deliver_alerts, open_alert, resolve_alert
from orchestration.quality.publishing import hold
from orchestration.raw.loading import find_unloaded
from orchestration.resources import Warehouse
from orchestration.schedules import JOBS, refresh


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def files_landed(
    context: dg.SensorEvaluationContext, warehouse: Warehouse
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Refresh as soon as finished files lie in the landing store unloaded."""
    names = find_unloaded(
        warehouse.url, settings=warehouse.settings, now=datetime.now(tz=UTC)
    )
    if not names:
        yield dg.SkipReason("No new file.")
        return
    # The same files make one run, however often they are seen before it ends.
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    context.log.info("%s new files", len(names))
    yield dg.RunRequest(run_key=digest)


@dg.run_failure_sensor(
    monitored_jobs=JOBS, default_status=dg.DefaultSensorStatus.RUNNING
)
def run_failed(context: dg.RunFailureSensorContext, warehouse: Warehouse) -> None:
    """Alert once per job until it succeeds again, and say so to readers."""
    job = context.dagster_run.job_name
    note_failure(warehouse, job=job, run_id=context.dagster_run.run_id)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=JOBS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def run_succeeded(context: dg.RunStatusSensorContext, warehouse: Warehouse) -> None:
    """Close the alert of a job that succeeds again."""
    note_success(warehouse, job=context.dagster_run.job_name)


def note_success(warehouse: Warehouse, *, job: str) -> None:
    """Close the job's alert, and deliver what was opened while it ran."""
    with warehouse.connection("daybook alert") as connection:
        resolve_alert(connection, incident=f"job:{job}")
    with warehouse.connection("daybook alert") as connection:
        deliver_alerts(connection, webhook=warehouse.settings.alert_webhook)


def note_failure(warehouse: Warehouse, *, job: str, run_id: str) -> None:
    """Open the job's alert and deliver it; its message names no value of a row."""
    with warehouse.connection("daybook alert") as connection:
        open_alert(
            connection,
            incident=f"job:{job}",
            severity="critical",
            message=f"the job {job} failed; run {run_id} says why",
        )
    with warehouse.connection("daybook alert") as connection:
        hold(connection, reason=f"the job {job} failed")
    with warehouse.connection("daybook alert") as connection:
        deliver_alerts(connection, webhook=warehouse.settings.alert_webhook)


SENSORS = [files_landed, run_failed, run_succeeded]
