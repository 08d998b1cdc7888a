"""Rows of single persons go when their class ends; numbers of many stay."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from orchestration.privacy.person_retention import person_tables
from orchestration.privacy.retention import apply_retention
from orchestration.quality.published_views import published_views
from orchestration.quality.publishing import Terms, publish
from orchestration.transform.dbt_run import load_manifest
from orchestration.warehouse.digest import digest_table
from tests.end_to_end.house import ROOT

POLICY = """\
classes:
  - {data_class: raw_events, days: 4, reason: a test}
  - {data_class: person_rows, days: 6, reason: a test}
"""
PERSONS = {
    *("sessions", "person_days", "person_events_daily", "person_sessions_daily"),
    *("session_paths", "form_sessions", "errors_met", "funnel_attempts"),
}


def test_old_rows_of_persons_go_and_numbers_of_many_stay(copy_of_story, tmp_path):
    house = copy_of_story
    registry = shutil.copytree(ROOT / "registry", tmp_path / "registry")
    (registry / "retention.yml").write_text(POLICY)
    settings = replace(house.settings, registry_dir=registry)
    tables = person_tables(load_manifest(house.project))
    published = {table.name for table in tables if table.schema == "published_data"}
    assert published >= PERSONS
    assert not published & {
        *("person_firsts", "experiment_exposures", "metrics_daily"),
    }
    last_on = house.one("select max(occurred_on) from raw.events")[0]
    now = datetime.combine(last_on, time(), UTC)
    floor = last_on - timedelta(days=6)

    def kept():
        with house.connection() as connection:
            return {
                table.name: digest_table(connection, f"published_data.{table.name}")
                for table in house.tables()
                if table.name not in published
            }

    def old_rows():
        return {
            f"{table.schema}.{table.name}": house.one(
                f"select count(*) from {table.schema}.{table.name} "
                f"where {table.day} < %s",
                (floor,),
            )[0]
            for table in tables
        }

    numbers, expected = kept(), {name: n for name, n in old_rows().items() if n}
    assert {f"published_data.{name}" for name in PERSONS} <= expected.keys()
    given = {"settings": settings, "now": now, "tables": tables}
    rehearsal = apply_retention(house.url, **given, dry_run=True)
    assert rehearsal.person_rows == expected
    assert {name: n for name, n in old_rows().items() if n} == expected
    assert apply_retention(house.url, **given).person_rows == expected
    assert not any(old_rows().values())
    assert apply_retention(house.url, **given).person_rows == {}

    # What comes next brings none of them back to readers, and changes no number.
    house.build()
    with house.connection() as connection:
        views = published_views()
        assert not publish(
            connection, tables=house.tables(), terms=Terms(), views=views
        ).is_held
    seen = {name: n for name, n in old_rows().items() if name.startswith("published")}
    assert not any(seen.values())
    assert kept() == numbers
