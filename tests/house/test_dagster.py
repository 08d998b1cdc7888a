"""What a person finds in the Dagster UI is whole, and what must hold there holds."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.op_definition import OpDefinition

from orchestration import definitions
from orchestration.progress import STEPS
from orchestration.quality.assets import TABLES
from orchestration.quality.checks import GATES
from orchestration.quality.published_views import published_views
from orchestration.schedules import JOBS, report_schedules
from orchestration.settings import read_settings
from tests.house.conftest import ROOT

SECONDS_TO_LOAD = 10
HOUSE = ("refresh", "nightly")
GROUPS = {
    *("registry", "raw", "identity", "staging", "intermediate", "marts", "ops"),
    *("experiments", "segments", "published", "closing", "reports", "privacy"),
}


@pytest.fixture(scope="module")
def defs():
    """The code location, loaded without any database."""
    return definitions.defs


@pytest.fixture(scope="module")
def specs(defs):
    return defs.resolve_all_asset_specs()


def steps(defs, job):
    return {node.name: node for node in defs.resolve_job_def(job).nodes}


@pytest.mark.parametrize("job", HOUSE)
def test_a_job_has_exactly_one_dbt_step(defs, job):
    # Two would mean that Python stands between models: Dagster splits silently.
    dbt = [
        name
        for name, node in steps(defs, job).items()
        if isinstance(node.definition, OpDefinition)
        and "dbt" in node.definition.required_resource_keys
    ]
    assert dbt == ["dbt_models"]


def test_nightly_is_a_refresh_and_more(defs):
    assert steps(defs, "refresh").keys() < steps(defs, "nightly").keys()


def test_every_step_has_a_name_for_people(defs):
    reports = [job.name for job in JOBS if job.name.startswith("report_")]
    named = {key for job in ("nightly", *reports) for key in steps(defs, job)}
    assert named == STEPS.keys()


def test_a_report_is_rendered_when_its_cron_line_says(defs, tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    told = "title: A\nformats: [html]\nmetrics: [sessions]\n"
    (folder / "daily_overview.yml").write_text(f"{told}cron: 10 7 * * 1\n")
    (folder / "unknown.yml").write_text(f"{told}cron: 0 7 * * *\n")
    settings = replace(read_settings({}), registry_dir=tmp_path, timezone="Asia/Tokyo")
    (schedule,) = report_schedules(settings)
    assert schedule.cron_schedule == "10 7 * * 1"
    assert schedule.execution_timezone == "Asia/Tokyo"
    assert schedule.job_name == "report_daily_overview"
    # One that is badly written stops no code location; the registry step names it.
    (folder / "daily_overview.yml").write_text(f"{told}cron: at noon\n")
    assert report_schedules(settings) == []
    # Nobody else renders it.
    assert "reports__daily_overview" not in steps(defs, "nightly")
    assert "reports__daily_overview" in steps(defs, "report_daily_overview")


def test_every_asset_has_owner_group_kinds_and_description(specs):
    wrong = [
        spec.key.to_user_string()
        for spec in specs
        if not (spec.owners and spec.kinds and spec.description)
        or spec.group_name not in GROUPS
    ]
    assert wrong == []


def test_nothing_depends_on_a_table_that_nobody_describes(specs):
    known = {spec.key for spec in specs}
    unknown = {
        dep.asset_key.to_user_string()
        for spec in specs
        for dep in spec.deps
        if dep.asset_key not in known
    }
    stubs = [
        spec.key.to_user_string()
        for spec in specs
        if spec.metadata.get("dagster/auto_created_stub_asset")
    ]
    assert (unknown, stubs) == (set(), [])


def test_all_that_readers_see_is_an_asset(specs):
    known = {spec.key.to_user_string() for spec in specs}
    seen = {f"published/{each.name}" for each in (*TABLES, *published_views())}
    assert len(seen) > 60
    assert seen - known == set()


def test_landing_days_are_partitions_and_nothing_else_is(specs):
    partitioned = {spec.key.to_user_string() for spec in specs if spec.partitions_def}
    assert partitioned == {"raw/events"}


def test_every_check_says_what_holds(defs):
    wrong = []
    for asset in defs.resolve_asset_graph().assets_defs:
        for check in asset.check_specs:
            is_of_dbt = "dagster_dbt/unique_id" in check.metadata
            if not (is_of_dbt or check.description):
                wrong.append(check.key.to_user_string())
    assert wrong == []


def test_the_publisher_waits_for_every_blocking_check_of_a_build(defs):
    blocking = {
        check.name
        for asset in defs.resolve_asset_graph().assets_defs
        for check in asset.check_specs
        if check.blocking and check.asset_key == dg.AssetKey(["ops", "builds"])
    }
    assert blocking == set(GATES)


def test_schedules_and_sensors_run_by_themselves(defs):
    repository = defs.get_repository_def()
    automations = [*repository.schedule_defs, *repository.sensor_defs]
    assert {each.name for each in automations} == {
        *("every_15_minutes", "every_night", "report_daily_overview_when_due"),
        *("files_landed", "runs_watched"),
    }
    assert all(each.default_status.value == "RUNNING" for each in automations)
    assert all(each.description for each in automations)


def test_every_job_has_a_limit_and_says_what_it_does(defs):
    for job in defs.get_repository_def().get_all_jobs():
        if not job.name.startswith("__"):
            assert int(job.tags["dagster/max_runtime"]) <= 7200
            assert job.description


def test_a_value_that_an_asset_returns_is_refused_and_not_pickled(defs):
    @dg.asset
    def rows():
        return [1]

    stores = defs.get_repository_def().get_top_level_resources()["io_manager"]
    kept = dg.materialize(
        [rows], resources={"io_manager": stores}, raise_on_error=False
    )
    assert not kept.success


@pytest.mark.thorough  # alone: what runs beside it would be counted, too
def test_the_definitions_load_within_ten_seconds():
    program = "import orchestration.definitions as d; d.defs.get_repository_def()"
    environment = {**os.environ, "DAYBOOK_DATABASE_URL": "postgresql://nobody/none"}
    before = os.times()
    subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, check=True
    )
    after = os.times()
    # Others may use the machine too: what counts is the time of our own processor.
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    assert used < SECONDS_TO_LOAD


def test_the_instance_fails_killed_runs_soon_and_keeps_house_runs_in_turn(tree):
    instance = yaml.safe_load(tree.text("dagster.yaml"))
    monitoring = instance["run_monitoring"]
    assert monitoring["enabled"]
    assert monitoring["poll_interval_seconds"] <= 30
    assert monitoring["free_slots_after_run_end_seconds"]
    limits = instance["concurrency"]["runs"]["tag_concurrency_limits"]
    assert {"key": "daybook/in_turn", "limit": 1} in limits
    assert not instance["run_retries"]["retry_on_asset_or_op_failure"]
    assert json.dumps(instance).count('"enabled": false') == 2  # telemetry and nux
