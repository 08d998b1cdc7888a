"""The timetable: every job, when it runs, how long it may take."""

import dagster as dg

from orchestration.settings import read_settings

MAX_RUNTIME = "dagster/max_runtime"

# What a night closes; everything else is what every refresh does.
CLOSING = dg.AssetSelection.groups("closing", "reports", "privacy")

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all() - CLOSING,
    executor_def=dg.in_process_executor,
    description="Load what landed, build what has news, check it, publish it.",
    tags={MAX_RUNTIME: "3600"},
)

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="A refresh, then what closes a day: its report, and what may not stay.",
    tags={MAX_RUNTIME: "7200"},
)

JOBS = [refresh, nightly]

SCHEDULES = [
    dg.ScheduleDefinition(
        name="every_15_minutes",
        job=refresh,
        cron_schedule="*/15 * * * *",
        execution_timezone=read_settings().timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The provisional refresh of today.",
    ),
    dg.ScheduleDefinition(
        name="every_night",
        job=nightly,
        cron_schedule="15 2 * * *",
        execution_timezone=read_settings().timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The close of yesterday.",
    ),
]
