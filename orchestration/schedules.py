"""The timetable: every job, when it runs, how long it may take."""

from datetime import date
from typing import Any

import dagster as dg

from orchestration.health.pauses import pause_reason
from orchestration.raw.assets import SWEEP
from orchestration.registry.reading import read_reports
from orchestration.reports.overview_report import RENDERED
from orchestration.resources import Warehouse
from orchestration.settings import Settings, read_settings
from orchestration.transform.touch import touch_days as touch

MAX_RUNTIME = "dagster/max_runtime"
# dagster.yaml lets one run with this tag work at a time; the others queue.
IN_TURN = {"daybook/in_turn": "house"}

# What a night closes; everything else is what every refresh does.
CLOSING = dg.AssetSelection.groups("closing", "reports", "privacy")
# Each has a job of its own, and a time that the registry says.
REPORTS = dg.AssetSelection.groups("reports")

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all() - CLOSING,
    executor_def=dg.in_process_executor,
    description="Load what landed, build what has news, check it, publish it.",
    tags={**IN_TURN, MAX_RUNTIME: "3600"},
)

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - REPORTS,
    executor_def=dg.in_process_executor,
    description="A refresh, then what closes a day, and what may not stay.",
    tags={**IN_TURN, MAX_RUNTIME: "7200", SWEEP: "true"},
)

DAY = "The {} day to build again, as in 2026-03-01."


@dg.op(
    config_schema={
        "from": dg.Field(str, description=DAY.format("first")),
        "to": dg.Field(str, description=DAY.format("last")),
        "reason": dg.Field(str, description="Why; kept in the ledger of loads."),
    },
    out=dg.Out(dg.Nothing),
)
def touch_these_days(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Touch every day from first to last, and every device with rows on them."""
    first_day, last_day = (
        date.fromisoformat(context.op_config[name]) for name in ("from", "to")
    )
    with warehouse.connection("daybook touch") as connection:
        load_id = touch(
            connection,
            first_day=first_day,
            last_day=last_day,
            reason=context.op_config["reason"],
        )
    context.log.info(f"Touched by load {load_id}; the next refresh builds them again.")


@dg.job(
    executor_def=dg.in_process_executor,
    tags={MAX_RUNTIME: "1200"},
    # What the launchpad shows to be filled in; without a reason the run fails.
    config={
        "ops": {
            "touch_these_days": {
                "config": {"from": "2026-03-01", "to": "2026-03-01", "reason": ""}
            }
        }
    },
)
def touch_days() -> None:
    """Have the next refresh build some days again, as if they had news: a backfill."""
    touch_these_days()


def report_job(name: str) -> Any:
    """Return the job that renders one report of the last complete day."""
    return dg.define_asset_job(
        f"report_{name}",
        selection=dg.AssetSelection.assets(["reports", name]),
        executor_def=dg.in_process_executor,
        description=f"Render the report {name} of the last complete day.",
        tags={MAX_RUNTIME: "120"},
    )


REPORT_JOBS = {name: report_job(name) for name in RENDERED}
JOBS = [refresh, nightly, touch_days, *REPORT_JOBS.values()]


def start(
    context: dg.ScheduleEvaluationContext, warehouse: Warehouse, job: str
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run, unless everything is paused or one is waiting already."""
    with warehouse.connection("daybook schedule") as connection:
        reason = pause_reason(connection)
    if reason:
        return dg.SkipReason(f"paused since {reason}")
    waiting = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.QUEUED])
    if context.instance.get_runs_count(waiting):
        return dg.SkipReason(f"a run of {job} is waiting already")
    return dg.RunRequest()


@dg.schedule(
    job=refresh,
    cron_schedule="*/15 * * * *",
    execution_timezone=read_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The provisional refresh of today.",
)
def every_15_minutes(
    context: dg.ScheduleEvaluationContext, warehouse: Warehouse
) -> dg.RunRequest | dg.SkipReason:
    """The provisional refresh of today."""
    return start(context, warehouse, refresh.name)


@dg.schedule(
    job=nightly,
    cron_schedule="5 2 * * *",
    execution_timezone=read_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The close of yesterday.",
)
def every_night(
    context: dg.ScheduleEvaluationContext, warehouse: Warehouse
) -> dg.RunRequest | dg.SkipReason:
    """The close of yesterday."""
    return start(context, warehouse, nightly.name)


def report_schedule(name: str, cron: str, timezone: str) -> dg.ScheduleDefinition:
    """Return the schedule of one report, at the times of the registry's cron line."""

    @dg.schedule(
        name=f"report_{name}_when_due",
        job=REPORT_JOBS[name],
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"The report {name}, when its file in registry/reports says.",
    )
    def when_due(
        context: dg.ScheduleEvaluationContext, warehouse: Warehouse
    ) -> dg.RunRequest | dg.SkipReason:
        return start(context, warehouse, f"report_{name}")

    return when_due


def report_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return a schedule for every report that is described and can be rendered."""
    reports = read_reports(settings.registry_dir)
    return [
        report_schedule(name, report.cron, settings.timezone)
        for name, report in sorted(reports.items())
        if name in REPORT_JOBS
    ]


SCHEDULES = [every_15_minutes, every_night, *report_schedules(read_settings())]
