"""Night after night: dashboards, grants and rows survive, gaps are seen."""

from datetime import timedelta

import pytest

from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import load_manifest
from orchestration.transform.equivalence import unpublished_tables
from orchestration.transform.gaps import Gap, find_gaps
from orchestration.transform.run import run_build
from tests.warehouse.histories import Event, at, load, point_dbt_at
from tests.warehouse.made_marts import complete_through, day
from tests.warehouse.model_digests import digest_models
from tests.warehouse.tiny_project import make_project

REQUEST = Request(run_id="night")
GRANTED = "select has_table_privilege('bi_reader', 'published.days_doubled', 'select')"


@pytest.fixture
def project(tmp_path, database):
    point_dbt_at(database)
    return make_project(tmp_path)


def spend_night(url, connection, project):
    """Build what is new, close the days that are over, publish."""
    report = run_build(url, project=project, request=REQUEST)
    assert report.failure is None
    tables = published_tables(load_manifest(project))
    terms = Terms(build_id=report.build_id, is_closing=True)
    publication = publish(connection, tables=tables, terms=terms)
    assert not publication.is_held
    assert unpublished_tables(connection, tables) == []
    return publication


def test_dashboards_survive_ten_nights_and_a_full_refresh_with_their_grants(
    project, database, connection
):
    # Without the stamp that tells rows which were built again.
    model = project.folder / "models/marts/days_doubled.sql"
    model.write_text(model.read_text().replace(", clock_timestamp() as built_at", ""))
    load(connection, [Event("first", at())])
    spend_night(database, connection, project)
    with connection.transaction():
        connection.execute(
            "create view public.dashboard as "
            "select day, event_count, close_state from published.days_doubled"
        )
    for night in range(1, 11):
        complete_through(connection, night + 1)
        load(connection, [Event(f"e{night}-{n}", at(days=night)) for n in range(3)])
        spend_night(database, connection, project)
    before = digest_models(connection)
    with connection.transaction():
        connection.execute("delete from ops.models")
    publication = spend_night(database, connection, project)
    assert publication.restated_day_count == 0
    assert digest_models(connection) == before
    with connection.transaction():
        rows = connection.execute("select * from public.dashboard order by day")
        found = rows.fetchall()
        granted = connection.execute(GRANTED).fetchone()
    assert granted == (True,)
    assert [count for _, count, _ in found] == [2, *[6] * 10]
    # Complete through the beginning of day 11: seven days are past their late window.
    states = [state for _, _, state in found]
    assert states == [*["final"] * 7, *["closed"] * 3, "provisional"]


def test_days_that_a_source_should_have_and_has_not_are_gaps(connection):
    for number in (0, 1, 5, 6):
        usual = [Event(f"e{number}-{each}", at(days=number)) for each in range(20)]
        load(connection, usual)
    complete_through(connection, 10)
    assert find_gaps(connection, timezone="UTC") == [
        Gap("web", day(3), day(5)),
        Gap("web", day(8), day(9)),
    ]
    assert find_gaps(connection, timezone="UTC")[0].day_count == 3


def test_every_stage_leaves_a_heartbeat(project, database, connection):
    load(connection, [Event("first", at())])
    spend_night(database, connection, project)
    spend_night(database, connection, project)
    with connection.transaction():
        stages = connection.execute(
            "select stage, state from ops.stages order by stage_id"
        ).fetchall()
    assert stages == [
        ("transform", "succeeded"),
        ("publish", "succeeded"),
        ("transform", "skipped"),
        ("publish", "succeeded"),
    ]


def test_late_changes_of_old_builds_are_forgotten_only_when_published(
    project, database, connection
):
    load(connection, [Event("first", at())])
    spend_night(database, connection, project)
    with connection.transaction():
        connection.execute(
            "update ops.builds set finished_at = finished_at - %s",
            (timedelta(days=31),),
        )
    load(connection, [Event("second", at(days=1))])
    run_build(database, project=project, request=REQUEST)
    # Build 1 is old, and the last one published: a next publication starts after it.
    with connection.transaction():
        known = "select count(*) from ops.changed where build_id = 1"
        assert connection.execute(known).fetchone() != (0,)
    spend_night(database, connection, project)
    load(connection, [Event("third", at(days=2))])
    run_build(database, project=project, request=REQUEST)
    with connection.transaction():
        assert connection.execute(known).fetchone() == (0,)
