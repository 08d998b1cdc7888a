"""The registry's history only grows, and only when something changed."""

import threading
from datetime import UTC, datetime

import psycopg
import pytest

from orchestration.registry.in_force import read_registry
from orchestration.registry.problems import RegistryError
from orchestration.registry.reading import load_registry
from orchestration.registry.storing import (
    refresh_registry,
    store_registry,
)
from orchestration.warehouse.connection import connect
from tests.unit.made_registry import FILES, write_registry

ACTIVE = FILES["segments/active.yml"]


def compiled_predicates(connection):
    """The SQL of every predicate in force, by kind/id/part."""
    rows = connection.execute(
        "select kind, id, part, sql from registry.compiled_in_force"
    )
    return {f"{kind}/{id_}/{part}": sql for kind, id_, part, sql in rows}


def counts(connection):
    return connection.execute(
        "select (select count(*) from registry.versions), "
        "(select count(*) from registry.definitions), "
        "(select count(*) from registry.compiled)"
    ).fetchone()


def version_of(connection, kind, id_):
    row = connection.execute(
        "select version from registry.in_force where kind = %s and id = %s", (kind, id_)
    ).fetchone()
    return row and row[0]


def test_storing_the_same_registry_again_writes_nothing(connection, tmp_path):
    write_registry(tmp_path)
    first = store_registry(connection, load_registry(tmp_path))
    before = counts(connection)
    assert store_registry(connection, load_registry(tmp_path)) == first
    assert counts(connection) == before


def test_a_change_appends_one_definition(connection, tmp_path):
    first = refresh_registry(connection, write_registry(tmp_path)).registry_version
    changed = ACTIVE.replace("at_least: 1", "at_least: 2")
    second = refresh_registry(
        connection, write_registry(tmp_path, segments__active=changed)
    ).registry_version
    assert second > first
    assert version_of(connection, "segment", "active") == 2
    assert version_of(connection, "funnel", "booking") == 1
    rows = connection.execute(
        "select kind, id, version from registry.definitions "
        "where registry_version = %s",
        (second,),
    ).fetchall()
    assert rows == [("segment", "active", 2)]
    assert compiled_predicates(connection)["segment/active/0"].endswith(">= 2")


def test_a_change_and_its_return_are_two_versions(connection, tmp_path):
    refresh_registry(connection, write_registry(tmp_path))
    changed = ACTIVE.replace("at_least: 1", "at_least: 2")
    refresh_registry(connection, write_registry(tmp_path, segments__active=changed))
    refresh_registry(connection, write_registry(tmp_path))
    assert version_of(connection, "segment", "active") == 3
    assert compiled_predicates(connection)["segment/active/0"].endswith(">= 1")


def test_a_segment_recompiles_with_the_segment_it_names(connection, tmp_path):
    outer = "title: Outer\nrule: {not: {segment: active}}\n"
    refresh_registry(connection, write_registry(tmp_path, segments__outer=outer))
    changed = ACTIVE.replace("at_least: 1", "at_least: 2")
    refresh_registry(
        connection,
        write_registry(tmp_path, segments__outer=outer, segments__active=changed),
    )
    assert version_of(connection, "segment", "outer") == 1
    assert compiled_predicates(connection)["segment/outer/0"].endswith("< 2")


def test_a_definition_that_is_gone_leaves_force_and_keeps_its_history(
    connection, tmp_path
):
    refresh_registry(connection, write_registry(tmp_path))
    refresh_registry(connection, write_registry(tmp_path, segments__active=None))
    assert version_of(connection, "segment", "active") is None
    assert "segment/active/0" not in compiled_predicates(connection)
    stored = connection.execute(
        "select version, body is null from registry.definitions "
        "where kind = 'segment' order by version"
    ).fetchall()
    assert stored == [(1, False), (2, True)]
    refresh_registry(connection, write_registry(tmp_path))
    assert version_of(connection, "segment", "active") == 3


def test_a_bad_registry_leaves_the_last_good_one_in_force(connection, tmp_path):
    good = refresh_registry(connection, write_registry(tmp_path))
    before = counts(connection)
    bad = refresh_registry(
        connection, write_registry(tmp_path, segments__active="titel: x\n")
    )
    assert bad.registry_version == good.registry_version
    assert [problem.file for problem in bad.problems] == ["segments/active.yml"] * 3
    assert counts(connection) == before


def test_what_is_in_force_reads_back_as_it_was_loaded(connection, tmp_path):
    refresh_registry(connection, write_registry(tmp_path))
    loaded = load_registry(tmp_path)
    write_registry(tmp_path, segments__active="titel: x\n", consent="purposes: [\n")
    stored = read_registry(connection, tmp_path)
    assert stored.hash == loaded.hash
    assert stored.consent() == loaded.consent()
    assert stored.funnels().keys() == loaded.funnels().keys()
    steps = stored.entry("funnel", "booking").problem(("steps", 1), "x")
    assert str(steps) == "funnels/booking.yml:6: steps[1]: x"


def test_nothing_is_in_force_before_the_first_store(connection, tmp_path):
    with pytest.raises(RegistryError, match="was never stored"):
        read_registry(connection, tmp_path)


def test_a_bad_registry_is_an_error_while_there_is_no_good_one(connection, tmp_path):
    with pytest.raises(RegistryError):
        refresh_registry(connection, write_registry(tmp_path, consent="purposes: []\n"))


def test_the_arms_of_a_running_experiment_stay_as_stored(connection, tmp_path):
    refresh_registry(connection, write_registry(tmp_path))
    changed = FILES["experiments/button.yml"].replace("treatment", "other")
    refused = refresh_registry(
        connection, write_registry(tmp_path, experiments__button=changed)
    )
    assert [problem.field for problem in refused.problems] == ["arms"]
    arms = connection.execute("select variant from registry.experiment_arms").fetchall()
    assert arms == [("control",), ("treatment",)]


@pytest.mark.parametrize("table", ["versions", "definitions", "compiled"])
@pytest.mark.parametrize(
    "statement",
    [
        "update registry.{} set hash = 'x'",
        "delete from registry.{}",
        "truncate registry.{} cascade",
    ],
)
def test_history_cannot_be_rewritten(connection, tmp_path, table, statement):
    refresh_registry(connection, write_registry(tmp_path))
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(statement.format(table))


def test_a_running_build_keeps_the_version_it_pinned(connection, tmp_path):
    pinned = refresh_registry(connection, write_registry(tmp_path)).registry_version
    connection.execute(
        "insert into ops.builds (run_id, is_full_selection, registry_version) "
        "values ('test', true, %s)",
        (pinned,),
    )
    connection.execute(
        "insert into ops.current_build (build_id) select max(build_id) from ops.builds"
    )
    changed = ACTIVE.replace("at_least: 1", "at_least: 2")
    refresh_registry(connection, write_registry(tmp_path, segments__active=changed))
    assert version_of(connection, "segment", "active") == 1
    assert compiled_predicates(connection)["segment/active/0"].endswith(">= 1")
    connection.execute("update ops.builds set state = 'succeeded'")
    assert version_of(connection, "segment", "active") == 2
    assert compiled_predicates(connection)["segment/active/0"].endswith(">= 2")


def test_a_funnel_counts_as_changed_once_the_experiment_on_it_has_left_draft(
    connection, tmp_path
):
    button, booking = FILES["experiments/button.yml"], FILES["funnels/booking.yml"]
    events = "events:\n              - event: booking_attempt"
    running = button.replace(events, "funnel: booking")
    draft = running.replace("RUNNING", "DRAFT")
    later = booking.replace("web", "app")
    for experiment, funnel, has_changed in (
        (draft, booking, False),
        (draft, later, False),
        (running, later, False),
        (running, later.replace("title: Booking", "title: Booked"), False),
        (running, booking, True),
    ):
        files = {"experiments__button": experiment, "funnels__booking": funnel}
        refresh_registry(connection, write_registry(tmp_path, **files))
        assert connection.execute(
            "select has_changed from registry.experiments"
        ).fetchone() == (has_changed,)


def test_two_stores_at_once_make_one_version(database, tmp_path):
    registry = load_registry(write_registry(tmp_path))
    versions = []

    def store():
        with connect(database, application_name="tests") as opened:
            versions.append(store_registry(opened, registry))

    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(versions)) == 1
    assert len(versions) == 4


def test_the_views_say_what_the_files_say(connection, tmp_path):
    refresh_registry(connection, write_registry(tmp_path))
    steps = connection.execute(
        "select funnel_id, step_index, step_name, predicate_sql "
        "from registry.funnel_steps order by step_index"
    ).fetchall()
    assert steps == [
        ("booking", 1, "visit", "\"event_name\" = 'page_view'"),
        (
            "booking",
            2,
            "request",
            "(\"event_name\" = 'booking_attempt' "
            'AND (NOT "platform" IS NULL AND "platform" = \'web\'))',
        ),
    ]
    for view, expected in {
        "experiment_arms": ("button", 1, "control", True, 1),
        "experiment_metrics": (
            "button",
            1,
            "booked",
            "primary",
            None,
            "\"event_name\" = 'booking_attempt'",
            "higher",
            0,
            True,
            "proportion",
            *(None,) * 7,
            False,
            14,
            *(None,) * 4,
        ),
        "experiment_phases": (
            "button",
            1,
            datetime(2026, 1, 5, tzinfo=UTC),
            None,
            [1, 1],
        ),
        "purposes": ("analytics", "consent", True, False),
        "retention": ("raw_events", 365),
        "days_late_allowed": (3,),
        "small_number_k": (10,),
    }.items():
        assert (
            connection.execute(f"select * from registry.{view}").fetchone() == expected
        )
