"""A purge drops a day, accounts for it, and can be resumed."""

from datetime import date

import pytest
from psycopg import sql

from orchestration.raw.retention import purge_day
from orchestration.warehouse.connection import connect
from tests.warehouse.made_events import batch, load, row

DAY = date(2026, 1, 5)


@pytest.fixture
def loaded(database):
    load(
        database,
        "web",
        batch(row("a"), row("b", event_name="click"), row("c", minutes=1440)),
    )
    load(database, "mobile", batch(row("a", source="mobile")), source="mobile")
    return database


def test_a_purge_takes_the_day_and_its_ledger_adds_up(loaded, connection):
    assert purge_day(loaded, DAY, reason="retention") == 3

    assert connection.execute("select event_id from raw.events").fetchall() == [("c",)]
    assert connection.execute("select count(*) from raw.event_keys").fetchone() == (4,)
    assert connection.execute(
        "select source, removed_count, reason from ops.loads where kind = 'purge'"
        " order by source"
    ).fetchall() == [
        ("mobile", 1, "2026-01-05: retention"),
        ("web", 2, "2026-01-05: retention"),
    ]
    for check in ("conservation", "conservation_by_day"):
        assert {
            row[-1] for row in connection.execute(f"select * from ops.{check}()")
        } == {0}


def test_a_frozen_day_asks_no_build_to_follow_another_does(loaded, connection):
    purge_day(loaded, DAY, reason="retention")
    purge_day(loaded, date(2026, 1, 6), reason="by hand", is_frozen=False)

    assert connection.execute(
        "select distinct occurred_on from ops.touched_days where settled_by is null"
        " and row_change < 0"
    ).fetchall() == [(date(2026, 1, 6),)]


def test_a_purged_event_does_not_come_back(loaded, connection):
    purge_day(loaded, DAY, reason="retention")
    load(loaded, "web again", batch(row("a"), row("b"), row("c", minutes=1440)))

    assert connection.execute("select event_id from raw.events").fetchall() == [("c",)]


def test_a_second_purge_finds_nothing(loaded):
    purge_day(loaded, DAY, reason="retention")
    assert purge_day(loaded, DAY, reason="retention") == 0


def test_a_purge_killed_after_detaching_is_finished_by_the_next(loaded, connection):
    with connect(loaded, application_name="tests", autocommit=True) as other:
        other.execute(
            sql.SQL(
                "alter table raw.events"
                " detach partition raw.events_20260105 concurrently"
            )
        )

    assert purge_day(loaded, DAY, reason="retention") == 3
    assert connection.execute(
        "select to_regclass('raw.events_20260105')"
    ).fetchone() == (None,)
    assert {
        row[-1] for row in connection.execute("select * from ops.conservation()")
    } == {0}
