"""The job itself, through Dagster: what it repeats, and what it keeps from readers."""

import os
import shutil
from dataclasses import replace
from datetime import date

import pytest

from orchestration.runs import run_job
from orchestration.settings import export_environment
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from orchestration.transform.touch import touch_days
from orchestration.warehouse.digest import digest_table
from tests.end_to_end.house import ROOT, House, made_database

TINY = World(persons=40, days=3, start_on=date(2026, 1, 5), activity=0.6)
# Seen by a test of the model, and only by a check that recounts raw.
SESSIONS_WRONG = """
    create function public.spoil() returns trigger language plpgsql as $$
    begin new.event_count := new.event_count + 1; return new; end $$;
    create trigger sabotage before insert on marts.sessions
    for each row execute function public.spoil()
"""
METRICS_WRONG = """
    create function public.spoil() returns trigger language plpgsql as $$
    begin
        if new.metric_id = 'events' then new.numerator := new.numerator - 1; end if;
        return new;
    end $$;
    create trigger sabotage before insert on marts.metrics_daily
    for each row execute function public.spoil()
"""


class Office:
    """A house whose work is done by the job."""

    def __init__(self, house):
        self.house = house
        self.nights = 0

    def run(self, job):
        return run_job(job, url=self.house.url)

    def deliver(self, days):
        """Bring the files of the first so many days, and the app as it was then."""
        world = replace(TINY, days=days)
        landing, app = self.house.landing, self.house.app_url
        simulate(world, landing, None, app, first_day=self.nights)
        self.nights = days

    def builds(self):
        return self.house.rows("select build_id, state from ops.builds order by 1")

    def published(self):
        with self.house.connection() as connection:
            return {
                table.name: digest_table(connection, f"published_data.{table.name}")
                for table in self.house.tables()
            }

    def alerts(self):
        return self.house.rows(
            "select resolved_at is not null from ops.alerts "
            "where incident_key = 'job:refresh' order by alert_id"
        )

    def status(self):
        return self.house.one("select state, reason from published.status")

    def break_with(self, statement):
        with self.house.connection() as connection:
            connection.execute(statement)

    def repair(self):
        self.break_with("drop function public.spoil cascade")


@pytest.fixture(scope="module")
def office(server_url, template_database, tmp_path_factory):
    """A day was delivered, and a night spent with it."""
    folder = tmp_path_factory.mktemp("office")
    registry = folder / "registry"
    shutil.copytree(ROOT / "registry", registry)
    # The world stays where it is while clocks go on.
    retention = registry / "retention.yml"
    retention.write_text(retention.read_text().replace("days: 365", "days: 10000"))
    with (
        made_database(server_url, "office_app") as app_url,
        made_database(server_url, "office_dagster") as dagster_url,
        made_database(server_url, "office", template=template_database) as url,
    ):
        house = House(url, folder, app_url=app_url, registry=registry)
        house.settings = replace(house.settings, dagster_url=dagster_url)
        before = dict(os.environ)
        export_environment(house.settings, url)
        os.environ["DAYBOOK_APP_DATABASE_URL"] = app_url
        os.environ["DAYBOOK_PSEUDONYM_KEY"] = house.settings.pseudonym_key_text
        try:
            made = Office(house)
            made.deliver(1)
            made.first = made.run("nightly")
            assert made.run("report_daily_overview").succeeded
            yield made
        finally:
            os.environ.clear()
            os.environ.update(before)


def test_second_run_of_the_job_loads_and_rebuilds_nothing(office):
    assert office.first.messages == []
    assert office.first.failed_checks == []
    assert office.first.succeeded
    # One dbt step, however many models; every step began and ended well.
    steps = list(office.first.states)
    assert sum(step.startswith("dbt") for step in steps) == 1
    assert set(office.first.states.values()) == {"succeeded"}
    loaded = office.first.metadata["raw/landing_files"]
    assert loaded["records"] > 100
    assert loaded["files_loaded"] == 5
    reports = sorted((office.house.folder / "reports").iterdir())
    contents = {path.name: path.read_bytes() for path in reports}
    assert {path.suffix for path in reports} == {".csv", ".html"}
    before = office.builds(), office.published(), office.house.truth()

    second = office.run("nightly")

    assert second.succeeded
    assert second.failed_checks == []
    loaded = second.metadata["raw/landing_files"]
    assert loaded["records"] == 0
    assert "files_loaded" not in loaded
    assert second.metadata["ops/builds"]["is_new"] is False
    assert (office.builds(), office.published(), office.house.truth()) == before
    assert set(second.states) == set(steps)
    shown = office.run("report_daily_overview").metadata["reports/daily_overview"]
    # Time passed, and nothing else: what was handed out is still what there is.
    assert shown["is_new"] is False
    reports = sorted((office.house.folder / "reports").iterdir())
    assert {path.name: path.read_bytes() for path in reports} == contents


def test_what_fails_stays_with_us_and_readers_keep_yesterday(office):
    yesterday = office.published()
    [settled] = office.house.one("select max(build_id) from published.status")
    office.deliver(2)

    office.break_with(SESSIONS_WRONG)
    failed = office.run("refresh")
    assert not failed.succeeded
    assert failed.states["dbt_models"] == "failed"
    assert office.builds()[-1][1] == "failed"
    assert office.published() == yesterday
    assert office.status() == ("held", "the job refresh failed")
    assert office.alerts() == [(False,)]

    office.repair()
    office.break_with(METRICS_WRONG)
    held = office.run("refresh")
    assert not held.succeeded
    assert held.failed_checks == ["metrics_match_raw_events"]
    assert office.builds()[-1][1] == "succeeded"
    assert office.published() == yesterday
    assert office.status()[0] == "held"
    # The same incident: one alert, however often it is met.
    assert office.alerts() == [(False,)]
    assert office.house.one("select build_id from published.status") == (settled,)

    office.repair()
    with office.house.connection() as connection:
        touch_days(
            connection,
            first_day=TINY.date_of(0),
            last_day=TINY.date_of(1),
            reason="sabotaged by a test",
        )
    mended = office.run("refresh")
    assert mended.failed_checks == []
    assert mended.succeeded
    assert office.published() != yesterday
    assert office.status() == ("current", None)
    assert office.alerts() == [(True,)]
