"""Segments are evaluated through the last whole day, once per build and rule."""

import hashlib
import json
from datetime import timedelta

import pytest

from orchestration.quality.publishing import Terms, publish
from orchestration.segments.evaluation import bring_up_to_date, days_due
from orchestration.segments.publication import TABLES
from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.warehouse.connection import connect
from tests.warehouse.segment_world import DAYS, FIRST, made_world

LAST = FIRST + timedelta(days=DAYS - 1)
RULE = '"active_day_count_7d" >= 1'


@pytest.mark.parametrize(
    ("newest", "as_of", "first", "count"),
    [
        (None, 10, 10, 1),
        (10, 10, 10, 1),
        (10, 11, 11, 1),
        (10, 14, 11, 4),
        (10, 9, None, 0),
        (10, 41, 11, 31),
        (10, 99, 69, 31),
    ],
)
def test_the_days_that_are_due(newest, as_of, first, count):
    def day(number):
        return None if number is None else FIRST + timedelta(days=number)

    days = days_due(newest=day(newest), as_of=day(as_of))
    assert len(days) == count
    assert days == [day(first) + timedelta(days=more) for more in range(count)]


def define(connection, version, text):
    """Put a segment into the registry, as its loading would."""
    [(registry_version,)] = connection.execute(
        "insert into registry.versions (hash, definition_count) "
        "values ('h', 1) returning registry_version"
    )
    body = json.dumps({"title": "Active"}) if text else None
    connection.execute(
        "insert into registry.definitions "
        "values ('segment', 'active', %s, %s, %s, 'h', '2026-01-01', 'f.yml')",
        (version, registry_version, body),
    )
    if text:
        connection.execute(
            "insert into registry.compiled "
            "values ('segment', 'active', 0, %s, %s, %s, %s)",
            (version, registry_version, text, hashlib.md5(text.encode()).hexdigest()),
        )
    connection.commit()


def complete_through(connection, day):
    connection.execute(
        "insert into ops.watermarks values ('web', %s, 'calendar') "
        "on conflict (source) do update "
        "set data_complete_through = excluded.data_complete_through",
        (day,),
    )
    connection.commit()


def build(url, failure=None):
    made = begin_build(
        url, request=Request(run_id="test", is_wanted_anyway=True), definitions={}
    )
    finish_build(made, failure=failure)
    return made.build_id


@pytest.fixture
def world(connection, database):
    made = made_world(connection, 5)
    define(connection, 1, RULE)
    complete_through(connection, LAST + timedelta(days=1))
    build(database)
    return made


def days(connection):
    rows = connection.execute("select day from segments.evaluations order by day")
    found = [day for (day,) in rows]
    connection.commit()
    return found


@pytest.mark.usefixtures("world")
def test_the_last_whole_day_is_evaluated_and_then_nothing(connection):
    done = bring_up_to_date(connection, timezone="UTC")
    assert done.days == (LAST,)
    assert done.changed_count > 1
    assert bring_up_to_date(connection, timezone="UTC").days == ()
    assert days(connection) == [LAST]


@pytest.mark.usefixtures("world")
def test_missed_days_are_made_up_for_as_if_none_had_been_missed(connection):
    complete_through(connection, LAST - timedelta(days=4))
    bring_up_to_date(connection, timezone="UTC")
    everything = "select * from segments.members order by 1, 2, 3"
    with connection.transaction(force_rollback=True):
        for ago in (4, 3, 2, 1, 0):
            complete = LAST + timedelta(days=1 - ago)
            connection.execute(
                "update ops.watermarks set data_complete_through = %s", (complete,)
            )
            bring_up_to_date(connection, timezone="UTC")
        daily = connection.execute(everything).fetchall()
    complete_through(connection, LAST + timedelta(days=1))
    done = bring_up_to_date(connection, timezone="UTC")
    assert list(done.days) == [LAST - timedelta(days=ago) for ago in (4, 3, 2, 1, 0)]
    assert connection.execute(everything).fetchall() == daily


def test_a_new_build_or_rule_evaluates_the_day_again(world, connection, database):
    bring_up_to_date(connection, timezone="UTC")
    build(database)
    done = bring_up_to_date(connection, timezone="UTC")
    assert (done.days, done.changed_count) == ((LAST,), 0)
    define(connection, 2, '"active_day_count_7d" >= 2')
    assert bring_up_to_date(connection, timezone="UTC").days == (LAST,)
    [counts] = connection.execute(
        "select member_count, (select count(*) from segments.members), "
        "definition_version from segments.sizes"
    )
    expected = sum(
        row["active_day_count_7d"] >= 2 for row in world.facts(LAST).values()
    )
    assert counts == (expected, expected, 2)


@pytest.mark.usefixtures("world")
def test_a_watermark_that_steps_back_changes_nothing(connection):
    bring_up_to_date(connection, timezone="UTC")
    connection.execute("delete from ops.watermarks")
    complete_through(connection, LAST - timedelta(days=3))
    done = bring_up_to_date(connection, timezone="UTC")
    assert done.days == ()
    assert done.reason.startswith(str(LAST))


@pytest.mark.usefixtures("world")
def test_nothing_is_concluded_from_a_build_that_failed(connection, database):
    build(database, failure="a model failed")
    assert bring_up_to_date(connection, timezone="UTC").reason
    assert days(connection) == []


def test_no_watermark_is_no_day(connection, database):
    made_world(connection, 5)
    connection.commit()
    build(database)
    assert bring_up_to_date(connection, timezone="UTC").days == ()


@pytest.mark.usefixtures("world")
def test_readers_see_members_and_sizes(connection, database):
    bring_up_to_date(connection, timezone="UTC")
    publication = publish(connection, tables=TABLES, terms=Terms())
    assert not publication.is_held
    with connect(database, application_name="tests") as reader:
        for made, published in (("current", "members"), ("sizes", "sizes")):
            counts = reader.execute(
                f"select (select count(*) from segments.{made}), "
                f"(select count(*) from published.segment_{published})"
            ).fetchone()
            assert counts[0] == counts[1] > 0
    assert publish(connection, tables=TABLES, terms=Terms()).row_count == 0
