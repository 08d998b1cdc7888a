"""The nightly purge: days before the floor go, and readers keep their numbers."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.privacy.retention import apply_retention
from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.settings import read_settings
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import load_manifest
from orchestration.transform.run import run_build
from tests.warehouse.histories import Event, at, load, point_dbt_at
from tests.warehouse.tiny_project import make_project

REGISTRY = Path(__file__).parents[2] / "registry"
PUBLISHED = "select day, event_count from published.days_doubled order by day"


@pytest.fixture
def settings(database, tmp_path):
    shutil.copytree(REGISTRY, tmp_path / "registry")
    return replace(
        read_settings({}),
        home=tmp_path,
        database_url=database,
        registry_dir=tmp_path / "registry",
    )


def day_of(number):
    return at(days=number).date()


def before(number):
    """The night in which `number` is the first day of a year that is kept."""
    return datetime.combine(day_of(number), datetime.min.time(), UTC).replace(
        year=day_of(number).year + 1, hour=3
    )


def build_and_publish(database, connection, project):
    report = run_build(database, project=project, request=Request(run_id="night"))
    assert report.failure is None
    tables = published_tables(load_manifest(project))
    assert not publish(connection, tables=tables, terms=Terms()).is_held


def read(connection, query):
    with connection.transaction():
        return connection.execute(query).fetchall()


def test_days_before_the_floor_go_and_readers_keep_their_numbers(
    settings, database, connection, tmp_path
):
    point_dbt_at(database)
    project = make_project(tmp_path)
    for number in range(4):
        load(connection, [Event(f"e{number}-{n}", at(days=number)) for n in range(3)])
    with connection.transaction():
        # The helper leaves out what a real load notes for the ledger to add up.
        connection.execute("update ops.touched_days set row_change = 3")
    build_and_publish(database, connection, project)
    known = read(connection, PUBLISHED)
    assert len(known) == 4

    night = before(2)
    rehearsal = apply_retention(database, settings=settings, now=night, dry_run=True)
    assert rehearsal.floor == day_of(2)
    assert rehearsal.rows_by_day == {day_of(0): 3, day_of(1): 3}
    assert read(connection, "select count(*) from raw.events") == [(12,)]
    purged = apply_retention(database, settings=settings, now=night)
    assert purged.rows_by_day == rehearsal.rows_by_day
    again = apply_retention(database, settings=settings, now=night)
    assert again.rows_by_day == {}

    days = read(connection, "select distinct occurred_on from raw.events order by 1")
    assert days == [(day_of(2),), (day_of(3),)]
    assert read(
        connection,
        "select count(*), sum(removed_count) from ops.loads where kind = 'purge'",
    ) == [(2, 6)]

    # A build without news, one with news, and one that makes every mart anew.
    build_and_publish(database, connection, project)
    assert read(connection, PUBLISHED) == known
    load(connection, [Event("new", at(days=4))])
    build_and_publish(database, connection, project)
    with connection.transaction():
        connection.execute("delete from ops.models")
    build_and_publish(database, connection, project)
    kept = read(connection, PUBLISHED)
    assert kept[:4] == known
    assert len(kept) == 5


def test_what_was_set_aside_too_long_ago_goes(settings, database, connection):
    with connection.transaction():
        connection.execute(
            "insert into ops.loads (kind, source, started_at)"
            " values ('touch', 'web', now())"
        )
        for when in (date(2026, 1, 1), date(2026, 3, 31)):
            connection.execute(
                "insert into raw.set_aside (load_id, source, outcome, reason,"
                " set_aside_at) select max(load_id), 'web', 'quarantined', 'x', %s"
                " from ops.loads",
                (when,),
            )
    now = datetime(2026, 4, 2, tzinfo=UTC)
    for dry_run, count in ((True, 1), (False, 1), (False, 0)):
        report = apply_retention(database, settings=settings, now=now, dry_run=dry_run)
        assert report.set_aside_count == count
    assert read(connection, "select count(*) from raw.set_aside") == [(1,)]
    assert read(
        connection, "select source, reason from ops.loads where kind = 'purge'"
    ) == [("web", "retention: 1 records that were set aside")]
