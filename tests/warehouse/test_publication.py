"""What readers see changes by difference, in one transaction, or not at all."""

import psycopg
import pytest

from orchestration.quality.published_tables import PublicationError
from orchestration.quality.publishing import StalePublicationError
from tests.warehouse.histories import Event, at, load
from tests.warehouse.made_marts import (
    DAILY,
    build,
    complete_through,
    day,
    make_marts,
    publish_all,
    seen,
    status,
)


@pytest.fixture
def marts(connection):
    make_marts(connection)
    return connection


def test_readers_see_the_rows_and_their_state(database, marts):
    complete_through(marts, 3)
    build(database, marts, visits=[(1, "a", 5), (2, "a", 6), (3, "a", 1)])
    publication = publish_all(marts, is_closing=True)
    assert publication.changes["daily"].added_count == 3
    query = "select day, visits, is_final, close_state from published.daily"
    assert seen(marts, query) == [
        (day(1), 5, False, "closed"),
        (day(2), 6, False, "closed"),
        (day(3), 1, False, "provisional"),
    ]
    assert status(marts)["state"] == "current"


def test_a_night_without_news_moves_the_watermark_and_no_row(database, marts):
    complete_through(marts, 2)
    build(database, marts, visits=[(1, "a", 5)])
    first = publish_all(marts)
    before = seen(marts, "select ctid::text, xmin::text from published_data.daily")
    complete_through(marts, 5)
    second = publish_all(marts)
    assert second.publication_id is None
    assert second.is_moved
    assert all(change.is_empty for change in second.changes.values())
    assert status(marts)["publication_id"] == first.publication_id
    assert status(marts)["data_complete_through"].date() == day(5)
    # Day 1 is over on day 2, and its late window of three days on day 5.
    assert seen(marts, "select day, close_state from published.daily") == [
        (day(1), "final")
    ]
    after = seen(marts, "select ctid::text, xmin::text from published_data.daily")
    assert after == before
    assert not publish_all(marts).is_moved


def test_what_is_loaded_and_not_built_holds_the_watermark(database, marts):
    complete_through(marts, 2)
    build(database, marts, visits=[(1, "a", 5)])
    load(marts, [Event("a", at())])
    complete_through(marts, 9)
    publish_all(marts)
    assert status(marts)["data_complete_through"].date() == day(2)


def test_only_days_that_differ_are_replaced(database, marts):
    build(database, marts, visits=[(1, "a", 5), (2, "a", 6), (2, "b", 7), (2, "c", 3)])
    publish_all(marts)
    kept = "select ctid from published_data.daily where place = 'c'"
    before = seen(marts, kept)
    # Day 1 was rebuilt to the same rows; of day 2 a row went, one changed, one stayed.
    build(database, marts, visits=[(1, "a", 5), (2, "a", 8), (2, "b", None)])
    change = publish_all(marts).changes["daily"]
    assert (change.days, change.removed_count, change.added_count) == ((day(2),), 2, 1)
    assert seen(marts) == [(day(1), "a", 5), (day(2), "a", 8), (day(2), "c", 3)]
    assert seen(marts, kept) == before


def test_a_day_whose_rows_are_all_gone_goes(database, marts):
    build(database, marts, visits=[(1, "a", 5), (2, "a", 6)])
    publish_all(marts)
    build(database, marts, visits=[(1, "a", None)])
    publish_all(marts)
    assert seen(marts) == [(day(2), "a", 6)]


def test_changes_of_builds_that_were_never_published_are_made_up_for(database, marts):
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts)
    build(database, marts, visits=[(1, "a", 9)], failure="another model (error)")
    build(database, marts, visits=[(2, "a", 6)])
    build(database, marts)
    publish_all(marts)
    assert seen(marts) == [(day(1), "a", 9), (day(2), "a", 6)]


def test_a_model_built_from_nothing_is_compared_whole(database, marts):
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts)
    with marts.transaction():
        marts.execute("update marts.daily set visits = 50")
    build(database, marts, refreshed=["daily"])
    publish_all(marts)
    assert seen(marts) == [(day(1), "a", 50)]


def test_a_table_without_days_is_replaced_by_key(database, marts):
    with marts.transaction():
        marts.execute("insert into marts.places values ('a', 'A'), ('b', null)")
    build(database, marts)
    publish_all(marts)
    with marts.transaction():
        marts.execute("update marts.places set title = 'B' where place = 'b'")
        marts.execute("insert into marts.places values ('c', 'C')")
        marts.execute("delete from marts.places where place = 'a'")
    build(database, marts)
    change = publish_all(marts).changes["places"]
    assert (change.removed_count, change.added_count) == (2, 2)
    query = "select place, title from published.places"
    assert seen(marts, query) == [("b", "B"), ("c", "C")]


@pytest.mark.parametrize(
    ("failure", "failed_checks", "reason"),
    [
        pytest.param("a test (fail)", (), "build 2 is failed", id="failed build"),
        pytest.param(None, ("sums",), "checks failed: sums", id="failed check"),
    ],
)
def test_trouble_keeps_yesterdays_rows_and_says_why(
    failure, failed_checks, reason, database, marts
):
    complete_through(marts, 2)
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts)
    complete_through(marts, 9)
    build(database, marts, visits=[(1, "a", 6)], failure=failure)
    held = publish_all(marts, failed_checks=failed_checks)
    assert held.is_held
    assert seen(marts) == [(day(1), "a", 5)]
    now = status(marts)
    assert (now["state"], now["reason"]) == ("held", reason)
    assert now["data_complete_through"].date() == day(2)
    build(database, marts)
    publish_all(marts)
    assert seen(marts) == [(day(1), "a", 6)]
    assert status(marts)["state"] == "current"


def test_a_change_of_a_final_day_is_restated(database, marts):
    complete_through(marts, 6)
    build(database, marts, visits=[(1, "a", 5), (1, "b", 5), (4, "a", 1)])
    publish_all(marts)
    load(marts, [Event("a", at())])
    build(
        database,
        marts,
        visits=[(1, "a", 6), (1, "b", None), (1, "c", 2), (4, "a", 2)],
    )
    assert publish_all(marts).restated_day_count == 1
    query = (
        "select day, before_row_count, after_row_count, added_count, removed_count, "
        "value_differences, reason from ops.restatements"
    )
    assert seen(marts, query) == [
        (day(1), 2, 2, 1, 1, {"visits": 1}, "loads of web (replay)")
    ]
    states = seen(marts, "select distinct day, close_state from published.daily")
    assert states == [(day(1), "restated"), (day(4), "provisional")]


def test_a_new_column_extends_the_view_and_restates_nothing(database, marts):
    complete_through(marts, 9)
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts)
    with marts.transaction():
        marts.execute("create view public.dashboard as select * from published.daily")
        marts.execute("alter table marts.daily add column minutes bigint default 7")
    build(database, marts, refreshed=["daily"])
    assert publish_all(marts).restated_day_count == 0
    assert seen(marts, "select visits, minutes from published.daily") == [(5, 7)]
    assert len(seen(marts, "select * from public.dashboard")) == 1


@pytest.mark.parametrize(
    "change",
    [
        "alter table marts.daily drop column visits",
        "alter table marts.daily alter column visits type text",
    ],
)
def test_a_lost_or_retyped_column_is_refused_and_old_rows_stay(change, database, marts):
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts)
    with marts.transaction():
        marts.execute(change)
    build(database, marts)
    with pytest.raises(PublicationError, match="new name"):
        publish_all(marts)
    assert seen(marts) == [(day(1), "a", 5)]


def test_a_stale_publisher_fails(database, marts):
    stale = build(database, marts, visits=[(1, "a", 5)])
    build(database, marts)
    with pytest.raises(StalePublicationError):
        publish_all(marts, build_id=stale)


def test_the_reader_sees_what_is_published_and_nothing_else(database, marts):
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts)
    with marts.transaction():
        marts.execute("set local role bi_reader")
        assert marts.execute("select visits from published.daily").fetchone() == (5,)
        marts.execute("select * from published.status")
    for hidden in ("published_data.daily", "marts.daily", "ops.builds", "raw.events"):
        marts.execute("set role bi_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            marts.execute(f"select * from {hidden}")
        marts.rollback()


def test_descriptions_reach_the_reader(database, marts):
    build(database, marts, visits=[(1, "a", 5)])
    publish_all(marts, tables=[DAILY])
    described = seen(
        marts, "select obj_description('published.daily'::regclass, 'pg_class')"
    )
    assert described == [("One row per day and place.",)]
