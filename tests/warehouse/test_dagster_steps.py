"""Steps as Dagster runs them: tried again, never forever, and silent about rows."""

import os
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg
import pytest

from orchestration.definitions import defs
from orchestration.health.alerts import open_alert
from orchestration.health.pauses import pause
from orchestration.health.runs import Run, note_run
from orchestration.quality.checks import GATES, amounts_have_their_rates
from orchestration.quality.verdicts import unproven
from orchestration.registry import assets as registry
from orchestration.reports import assets as reports
from orchestration.resources import Warehouse, WarehouseError, patiently
from orchestration.segments import assets as segments
from orchestration.sensors import files_landed, runs_watched
from orchestration.warehouse.connection import connect
from tests.warehouse.histories import Event, at, begin_build, load

QUICK = dg.RetryPolicy(max_retries=2, delay=0.01)


@pytest.fixture
def warehouse(database, tmp_path, monkeypatch):
    monkeypatch.setenv("DAYBOOK_HOME", str(tmp_path))
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    monkeypatch.delenv("DAYBOOK_LANDING", raising=False)
    (tmp_path / "landing").mkdir()
    return Warehouse(url=database)


@contextmanager
def locked(url, table):
    """Keep a table from everybody, as a migration gone astray does."""
    with connect(url, application_name="tests") as connection:
        connection.execute(f"lock table {table} in access exclusive mode")
        yield
        connection.rollback()


def said(result, kind):
    return [event for event in result.all_events if event.event_type_value == kind]


def materialize(asset, warehouse, *, selection=None):
    return dg.materialize(
        [asset],
        selection=selection,
        resources={"warehouse": warehouse},
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )


@pytest.mark.parametrize(
    ("module", "asset", "table", "retries"),
    [
        pytest.param(reports, "daily_overview", "published.status", 2, id="report"),
        pytest.param(segments, "segment_tables", "ops.current_build", 3, id="segments"),
    ],
)
def test_a_step_that_waits_too_long_is_tried_again_and_then_fails(
    module, asset, table, retries, warehouse, monkeypatch
):
    monkeypatch.setattr(module, "SECONDS", 1)
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.01)
    with locked(warehouse.url, table):
        result = materialize(getattr(module, asset), warehouse)
    assert not result.success
    assert len(said(result, "STEP_UP_FOR_RETRY")) == retries
    [failure] = said(result, "STEP_FAILURE")
    assert "57014: canceling statement due to statement timeout" in str(
        failure.step_failure_data.error
    )


def test_the_limits_are_those_that_the_sources_ask_for():
    assert (reports.SECONDS, reports.RETRIES.max_retries) == (120, 2)
    assert segments.SECONDS == 180


def test_an_interrupted_step_is_not_tried_again(warehouse):
    @dg.asset
    def interrupted(context: dg.AssetExecutionContext) -> None:
        with patiently(context, QUICK):
            raise KeyboardInterrupt

    result = materialize(interrupted, warehouse)
    assert not result.success
    assert said(result, "STEP_UP_FOR_RETRY") == []


def test_an_error_of_postgres_reaches_the_event_log_without_its_row(warehouse):
    def insert(connection):
        connection.execute("create table public.people (name text unique)")
        connection.execute("insert into public.people values ('Ada'), ('Ada')")

    @dg.asset
    def quoting(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
        with patiently(context, QUICK), warehouse.connection("tests") as connection:
            insert(connection)

    result = materialize(quoting, warehouse)
    errors = [
        str(event.event_specific_data)
        for kind in ("STEP_UP_FOR_RETRY", "STEP_FAILURE")
        for event in said(result, kind)
    ]
    assert len(errors) == 3
    assert all("people_name_key" in error for error in errors)
    assert not any("(Ada)" in error for error in errors)
    with (
        pytest.raises(WarehouseError, match="23505") as raised,
        warehouse.connection("tests") as connection,
    ):
        insert(connection)
    assert raised.value.__cause__ is None


def test_a_run_refuses_a_warehouse_that_a_newer_version_migrated(warehouse, connection):
    connection.execute(
        "insert into ops.migrations (number, name, checksum) "
        "values (9999, '9999_of_tomorrow.sql', 'x')"
    )
    connection.commit()
    result = materialize(registry.definitions, warehouse)
    assert not result.success
    [failure] = said(result, "STEP_FAILURE")
    assert "it has 9999_of_tomorrow.sql" in str(failure.step_failure_data.error)
    assert connection.execute("select count(*) from registry.versions").fetchone() == (
        0,
    )


def touch(**config):
    job = defs.resolve_job_def("touch_days")
    return job.execute_in_process(
        run_config={"ops": {"touch_these_days": {"config": config}}},
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )


@pytest.mark.usefixtures("warehouse")
def test_a_backfill_from_the_ui_touches_its_days_once(connection):
    load(connection, [Event("e", at(days=1))])
    connection.execute("update ops.touched_days set settled_by = 1")
    connection.commit()
    config = {"from": "2026-03-01", "to": "2026-03-03", "reason": "a rule was wrong"}
    assert touch(**config).success
    rows = connection.execute(
        """
        select touched.occurred_on::text, loads.reason
        from ops.touched_days as touched inner join ops.loads as loads using (load_id)
        where touched.settled_by is null order by 1
        """
    ).fetchall()
    why = "a rule was wrong"
    assert rows == [(f"2026-03-0{day}", why) for day in (1, 2, 3)]


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"to": "2026-02-01"}, {"from": "March"}]
)
@pytest.mark.usefixtures("warehouse")
def test_a_backfill_without_reason_or_sense_fails_and_touches_nothing(
    wrong, connection
):
    config = {"from": "2026-03-01", "to": "2026-03-03", "reason": "why", **wrong}
    assert not touch(**config).success
    assert connection.execute("select count(*) from ops.loads").fetchone() == (0,)


def look(sensor, warehouse, instance, cursor=None):
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"warehouse": warehouse}
    )
    found = sensor(context)
    return getattr(found, "skip_message", None) or found, context.cursor


def test_an_alert_that_nobody_was_told_of_is_delivered_without_a_new_failure(
    warehouse, connection
):
    open_alert(connection, incident="i", severity="warning", message="look at this")
    connection.commit()
    instance = dg.DagsterInstance.ephemeral()
    found, cursor = look(runs_watched, warehouse, instance)
    assert found == "0 runs noted, 1 alerts delivered"
    assert look(runs_watched, warehouse, instance, cursor)[0].endswith(
        "0 alerts delivered"
    )


def test_a_failed_run_is_noted_once_however_often_it_is_seen(warehouse, connection):
    instance = dg.DagsterInstance.ephemeral()
    run = instance.create_run_for_job(defs.resolve_job_def("refresh"))
    instance.report_run_failed(run)
    found, cursor = look(runs_watched, warehouse, instance)
    assert found == "1 runs noted, 1 alerts delivered"
    # The overlap shows it again.
    found, _ = look(runs_watched, warehouse, instance, cursor)
    assert found == "0 runs noted, 0 alerts delivered"
    rows = connection.execute("select incident_key from ops.alerts").fetchall()
    assert rows == [("job:refresh",)]


def test_the_same_new_files_ask_for_one_run(warehouse, connection):
    instance = dg.DagsterInstance.ephemeral()
    assert look(files_landed, warehouse, instance)[0] == "No new file."
    folder = warehouse.settings.home / "landing" / "web"
    folder.mkdir()
    file = folder / "2026-03-01.ndjson"
    file.write_text("{}\n")
    long_ago = at(days=-1).timestamp()
    os.utime(file, (long_ago, long_ago))
    first, _ = look(files_landed, warehouse, instance)
    again, _ = look(files_landed, warehouse, instance)
    assert isinstance(first, dg.RunRequest)
    assert first.run_key == again.run_key
    pause(connection, reason="we move house")
    connection.commit()
    assert "we move house" in look(files_landed, warehouse, instance)[0]


def test_a_late_note_of_a_failure_does_not_alert_after_a_success(connection):
    began = at()
    later = began + timedelta(hours=1)
    note_run(connection, Run("b", "refresh", "succeeded", "x", later, later, later))
    note_run(connection, Run("a", "refresh", "failed", "x", began, began, began))
    assert connection.execute("select count(*) from ops.alerts").fetchone() == (0,)


def test_money_without_a_rate_fails_its_check_and_holds_the_build(
    warehouse, connection
):
    with connection.transaction():
        connection.execute(
            """
            create schema if not exists marts;
            create table marts.revenue_totals_daily (
                day date, basis text, currency text
            );
            create table marts.exchange_rates (
                currency text, valid_from date, valid_to date,
                reporting_currency text, rate numeric
            );
            insert into marts.revenue_totals_daily
            values ('2026-03-02', 'cash', 'CHF'), ('2026-03-02', 'cash', 'EUR');
            insert into marts.exchange_rates
            values ('EUR', '1970-01-01', '9999-12-31', 'EUR', 1)
            """
        )
    build_id, _ = begin_build(connection)

    def judged():
        check = amounts_have_their_rates
        only = dg.AssetSelection.checks(check)
        result = materialize(check, warehouse, selection=only)
        [evaluation] = result.get_asset_check_evaluations()
        held = unproven(connection, build_id=build_id, checks=GATES)
        connection.rollback()
        return evaluation, "amounts_have_their_rates" in held

    evaluation, is_held = judged()
    assert (evaluation.passed, evaluation.blocking, is_held) == (False, True, True)
    assert evaluation.metadata["missing_rates"].value == "CHF on 2026-03-02"
    with connection.transaction():
        connection.execute(
            "insert into marts.exchange_rates "
            "values ('CHF', '2026-02-27', '9999-12-31', 'EUR', 1.07)"
        )
    evaluation, is_held = judged()
    assert (evaluation.passed, is_held) == (True, False)
