"""What Daybook is made of: its assets, checks, jobs, schedules and sensors."""

import dagster as dg

from orchestration.experiments import assets as experiments
from orchestration.health import assets as health
from orchestration.identity import assets as identity
from orchestration.logs import set_levels
from orchestration.privacy import assets as privacy
from orchestration.quality import assets as published
from orchestration.quality import checks
from orchestration.raw import assets as raw
from orchestration.registry import assets as registry
from orchestration.reports import assets as reports
from orchestration.resources import NoValues, OfflineDbt, Warehouse
from orchestration.schedules import JOBS, SCHEDULES
from orchestration.segments import assets as segments
from orchestration.sensors import SENSORS
from orchestration.settings import read_settings
from orchestration.transform import assets as transform
from orchestration.transform.dbt_run import executable

set_levels(read_settings().log_levels)

defs = dg.Definitions(
    assets=[
        *dg.load_assets_from_modules(
            [
                *(registry, raw, transform, experiments, published, reports),
                *(segments, privacy, health),
            ]
        ),
        # Tables that a step writes beside its own; the loader leaves specs out.
        *registry.tables,
        *experiments.tables,
        raw.events,
        *identity.tables,
        *published.tables,
        *published.views,
    ],
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={
        "io_manager": NoValues(),
        "warehouse": Warehouse(url=dg.EnvVar("DAYBOOK_DATABASE_URL")),
        "dbt": OfflineDbt(
            project_dir=str(transform.PROJECT.folder),
            # Of this Python, and one that repeats no row's values.
            dbt_executable=str(executable(transform.PROJECT)),
        ),
    },
)
