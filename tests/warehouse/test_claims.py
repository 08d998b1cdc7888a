"""What is new is claimed row by row, and only a whole success settles it."""

from datetime import date, timedelta

import pytest

from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.plan import plan_build
from orchestration.transform.planner import analyze_days, analyze_owners
from orchestration.transform.touch import touch_days
from orchestration.warehouse.connection import connect
from tests.warehouse.histories import START, Event, at, load

REQUEST = Request(run_id="test", patience=timedelta(seconds=5))


def run(url, *, failure=None, request=REQUEST, definitions=None):
    build = begin_build(url, request=request, definitions=definitions or {})
    finish_build(build, failure=failure)
    return build


def planned_days(connection):
    days = [item.day for item in plan_build(connection, {}).days]
    connection.commit()
    return days


def test_a_succeeded_build_settles_what_it_claimed(database, connection):
    load(connection, [Event("a", at()), Event("b", at(days=1))])
    build = run(database)
    assert build.days == (START.date(), date(2026, 3, 2))
    plan = plan_build(connection, {})
    assert plan.is_empty
    assert plan.text() == "nothing to build"


def test_nothing_new_begins_no_build(database, connection):
    load(connection, [Event("a", at())])
    run(database)
    assert begin_build(database, request=REQUEST, definitions={}) is None


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param({"failure": "a model (error)"}, id="failed"),
        pytest.param(
            {"request": Request(run_id="ui", is_full_selection=False)}, id="one model"
        ),
    ],
)
def test_a_build_that_failed_or_was_a_subset_settles_nothing(
    outcome, database, connection
):
    load(connection, [Event("a", at())])
    run(database, **outcome)
    assert planned_days(connection) == [START.date()]
    assert run(database).days == (START.date(),)
    assert planned_days(connection) == []


def test_a_load_that_commits_during_a_build_is_left_for_the_next(database, connection):
    # A writer that does not wait for the truth: the claim is by row, so it still holds.
    load(connection, [Event("a", at())])
    build = begin_build(database, request=REQUEST, definitions={})
    load(connection, [Event("b", at(days=3))])
    finish_build(build)
    assert planned_days(connection) == [date(2026, 3, 4)]


def test_loads_that_commit_in_another_order_than_they_began_lose_nothing(
    database, connection
):
    with connect(database, application_name="tests") as slow:
        slow.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values ('replay', 'web', now())"
        )
        slow.execute(
            "insert into ops.touched_days (load_id, occurred_on, event_name, row_count)"
            " select load_id, '2026-02-01', 'click', 1 from ops.loads"
        )
        load(connection, [Event("later", at())])
        run(database)
        slow.commit()
    assert planned_days(connection) == [date(2026, 2, 1)]


def test_a_build_inherits_what_failed_builds_changed(database, connection):
    # The parent of the failed build is up to date now and will change nothing again.
    load(connection, [Event("a", at())])
    failed = begin_build(database, request=REQUEST, definitions={})
    connection.execute(
        "insert into ops.changed values (%s, 'sessions', '2026-01-07')",
        (failed.build_id,),
    )
    connection.commit()
    finish_build(failed, failure="a child (error)")
    inherited = "select day from ops.changed where build_id = %s and model = 'sessions'"
    build = run(database)
    rows = connection.execute(inherited, (build.build_id,)).fetchall()
    assert rows == [(date(2026, 1, 7),)]
    connection.commit()
    load(connection, [Event("b", at())])
    build = run(database)
    assert connection.execute(inherited, (build.build_id,)).fetchall() == []


def test_a_change_of_the_app_has_no_event_read_again(database, connection):
    load(connection, [Event("a", at()), Event("b", at(days=1))])
    run(database)
    with connection.transaction():
        connection.execute(
            "insert into ops.touched_days (load_id, occurred_on, event_name, row_count)"
            " select max(load_id), %s, 'app:bookings', 1 from ops.loads",
            (START.date(),),
        )
    build = run(database)
    assert build.days == ()
    rows = connection.execute(
        "select model, day from ops.changed where build_id = %s", (build.build_id,)
    ).fetchall()
    assert sorted(rows) == [
        ("raw.app", START.date()),
        ("raw.app_bookings", START.date()),
    ]


def test_touching_days_by_hand_has_them_built_again(database, connection):
    load(connection, [Event("a", at()), Event("b", at(days=1))])
    run(database)
    touch_days(
        connection, first_day=START.date(), last_day=START.date(), reason="repair"
    )
    assert planned_days(connection) == [START.date()]
    build = begin_build(database, request=REQUEST, definitions={})
    extents = connection.execute("select device_id from ops.build_extents").fetchall()
    finish_build(build)
    assert extents == [("d1",)]


def test_a_touch_without_a_reason_or_backwards_is_refused(connection):
    day = START.date()
    with pytest.raises(ValueError, match="reason"):
        touch_days(connection, first_day=day, last_day=day, reason=" ")
    with pytest.raises(ValueError, match="span"):
        touch_days(
            connection, first_day=day, last_day=day - timedelta(days=1), reason="x"
        )


def test_the_plan_names_days_loads_and_sources(connection):
    load(connection, [Event("a", at())])
    load(connection, [Event("b", at())])
    plan = plan_build(connection, {})
    connection.commit()
    assert plan.as_json()["days"][0]["load_ids"] == (1, 2)
    assert "2026-03-01: 2 rows of web (replay; loads 1, 2)" in plan.text()


def test_a_failed_build_is_news_even_when_nothing_was_touched(database, connection):
    load(connection, [Event("a", at())])
    run(database)
    wanted = Request(run_id="test", is_wanted_anyway=True)
    run(database, request=wanted, failure="a model (error)")
    assert "finish what build 2 left (failed)" in plan_build(connection, {}).text()


def test_a_day_that_was_just_loaded_has_statistics_when_it_is_built(
    database, connection
):
    load(connection, [Event(f"e{n}", at(seconds=n)) for n in range(30)])
    build = begin_build(database, request=REQUEST, definitions={})
    known = connection.execute(
        "select count(*) from pg_stats where tablename = 'events_20260301'"
    ).fetchone()
    connection.commit()
    assert known > (0,)
    assert analyze_days(build.connection, build.days) == 0
    assert not analyze_owners(build.connection)
    finish_build(build)
