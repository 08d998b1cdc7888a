"""A whole build through dbt: what is new is built, what is changed is built anew."""

from datetime import timedelta

import pytest

from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import DbtError, failure_of, load_manifest
from orchestration.transform.run import read_plan, run_build
from tests.warehouse.histories import Event, at, load, point_dbt_at, remove
from tests.warehouse.tiny_project import make_project, write

REQUEST = Request(run_id="test", patience=timedelta(seconds=10))
SUBSET = Request(run_id="ui", is_full_selection=False)
RECOUNT = "select occurred_on, 2 * count(*) from raw.events group by occurred_on"
DOUBLED = "models/marts/days_doubled.sql"


@pytest.fixture
def project(tmp_path, database):
    point_dbt_at(database)
    return make_project(tmp_path)


def rows(connection, query):
    with connection.transaction():
        return sorted(connection.execute(query).fetchall())


def doubled(connection):
    return rows(connection, "select day, event_count from marts.days_doubled")


def test_only_days_with_news_are_built_and_nights_without_start_no_dbt(
    project, database, connection
):
    first = Event("a", at())
    load(connection, [first, Event("b", at(days=1))])
    report = run_build(database, project=project, request=REQUEST)
    assert report.failure is None
    assert report.plan.models["days_doubled"] == "new"
    stamps = dict(rows(connection, "select day, built_at from marts.days_doubled"))

    results = project.target / "run_results.json"
    results.unlink()
    assert run_build(database, project=project, request=REQUEST).build_id is None
    assert not results.exists()

    load(connection, [Event("c", at(days=1, hours=1)), Event("d", at(days=2))])
    remove(connection, [first])
    assert run_build(database, project=project, request=REQUEST).succeeded
    assert doubled(connection) == rows(connection, RECOUNT)
    load(connection, [Event("e", at(days=5))])
    before = dict(rows(connection, "select day, built_at from marts.days_doubled"))
    assert run_build(database, project=project, request=REQUEST).succeeded
    after = dict(rows(connection, "select day, built_at from marts.days_doubled"))
    assert {day: after[day] for day in before} == before
    assert stamps.keys() - after.keys() == {at().date()}


def test_a_changed_model_and_what_rests_on_it_are_built_from_nothing(
    project, database, connection
):
    load(connection, [Event("a", at()), Event("b", at(days=1))])
    run_build(database, project=project, request=REQUEST)
    name = "models/intermediate/int_days_counted.sql"
    text = (project.folder / name).read_text()
    write(project.folder, name, text.replace("count(*) as", "10 * count(*) as"))
    assert read_plan(database, project).models == {
        "int_days_counted": "its definition changed",
        "days_doubled": "above it changed: int_days_counted",
    }
    report = run_build(database, project=project, request=REQUEST)
    assert report.succeeded
    assert [count for _, count in doubled(connection)] == [20, 20]
    assert read_plan(database, project).is_empty


def test_a_failed_build_settles_nothing_and_the_next_one_makes_up_for_it(
    project, database, connection
):
    load(connection, [Event("a", at())])
    run_build(database, project=project, request=REQUEST)
    text = (project.folder / DOUBLED).read_text()
    load(connection, [Event("b", at(days=1))])
    write(project.folder, "tests/no_days.sql", "select 1 from {{ ref('totals') }}")
    # The parent is built and commits; the child breaks.
    write(project.folder, DOUBLED, text.replace("2 *", "1 / 0 *"))
    report = run_build(database, project=project, request=REQUEST)
    assert "days_doubled (error)" in report.failure
    assert "no_days (fail)" in report.failure
    (project.folder / "tests/no_days.sql").unlink()
    write(project.folder, DOUBLED, text)
    assert read_plan(database, project).unfinished is not None
    assert run_build(database, project=project, request=REQUEST).succeeded
    assert doubled(connection) == rows(connection, RECOUNT)


def test_one_model_from_the_ui_settles_nothing(project, database, connection):
    load(connection, [Event("a", at())])
    run_build(database, project=project, request=REQUEST)
    load(connection, [Event("b", at(days=1))])
    subset = run_build(
        database, project=project, request=SUBSET, select=["int_days_counted"]
    )
    assert subset.succeeded
    assert len(doubled(connection)) == 1
    assert run_build(database, project=project, request=REQUEST).succeeded
    assert doubled(connection) == rows(connection, RECOUNT)
    with pytest.raises(ValueError, match="subset"):
        run_build(database, project=project, request=REQUEST, select=["totals"])


def test_incremental_builds_equal_a_build_from_nothing(project, database, connection):
    for number in range(3):
        load(connection, [Event(f"e{number}", at(days=number % 2, hours=number))])
        run_build(database, project=project, request=REQUEST)
    incremental = doubled(connection)
    with connection.transaction():
        connection.execute("delete from ops.models")
    assert run_build(database, project=project, request=REQUEST).succeeded
    assert doubled(connection) == incremental == rows(connection, RECOUNT)


def test_a_planned_model_that_dbt_did_not_report_fails_the_build(project):
    manifest = load_manifest(project)
    statuses = dict.fromkeys(manifest["nodes"], "success")
    assert failure_of(manifest, statuses, is_full=True) is None
    del statuses["model.daybook.totals"]
    assert failure_of(manifest, statuses, is_full=True) == "totals (not built)"
    assert failure_of(manifest, statuses, is_full=False) is None
    statuses["model.daybook.days_doubled"] = "skipped"
    assert "days_doubled (skipped)" in failure_of(manifest, statuses, is_full=False)


def test_a_project_that_does_not_parse_says_so(project):
    write(project.folder, "models/marts/broken.sql", "select {{ ref('nothing') }}")
    with pytest.raises(DbtError, match="cannot read"):
        load_manifest(project)
