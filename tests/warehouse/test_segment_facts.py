"""Facts of persons are what brute force finds, and stand in the catalogue's columns."""

from datetime import timedelta

import pytest

from orchestration.registry.catalogue import PERSON_FACTS
from orchestration.segments.facts import facts_sql, make_facts
from tests.warehouse.histories import Event, at, build, load
from tests.warehouse.segment_world import DAYS, FIRST, PERSON_DAYS, made_world

LAST = FIRST + timedelta(days=DAYS - 1)
POSTGRES = {
    "text": "text",
    "boolean": "boolean",
    "date": "date",
    "integer": "bigint",
}


def facts(connection, as_of, timezone="UTC"):
    make_facts(connection, as_of=as_of, timezone=timezone)
    cursor = connection.execute("select * from pg_temp.person_facts")
    names = [column.name for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    assert len({row["person_id"] for row in rows}) == len(rows)
    return {row["person_id"]: row for row in rows}


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_facts_are_what_brute_force_finds(connection, timezone):
    world = made_world(connection, 7, timezone=timezone)
    for ago in (0, 1, 6, 40, 91, 300):
        as_of = LAST - timedelta(days=ago)
        assert facts(connection, as_of, timezone) == world.facts(as_of)


@pytest.mark.parametrize(
    ("ago", "windows"),
    [(-1, None), (0, 3), (6, 3), (7, 2), (27, 2), (28, 1), (89, 1), (90, None)],
)
def test_a_window_ends_with_its_day_and_begins_so_many_days_before(
    connection, ago, windows
):
    connection.execute(PERSON_DAYS)
    connection.execute(
        "insert into marts.person_days "
        "values (%s, 'p', null, true, true, 2, 2, 2, 2, 2, 2, 2)",
        (LAST - timedelta(days=ago),),
    )
    found = facts(connection, LAST)
    assert len(found) == (windows is not None)
    for row in found.values():
        counts = [row[f"view_count_{days}d"] for days in (90, 28, 7)]
        assert counts == [2] * windows + [0] * (3 - windows)


def test_facts_have_the_columns_of_the_catalogue_and_nulls_only_there(connection):
    made_world(connection, 3)
    make_facts(connection, as_of=LAST, timezone="UTC")
    columns = connection.execute(
        "select attname, format_type(atttypid, null) from pg_attribute "
        "where attrelid = 'pg_temp.person_facts'::regclass and attnum > 0"
    ).fetchall()
    assert dict(columns) == {
        name: POSTGRES[column.type] for name, column in PERSON_FACTS.columns.items()
    }
    for name, column in PERSON_FACTS.columns.items():
        if not column.is_nullable:
            query = f'select count(*) from pg_temp.person_facts where "{name}" is null'
            assert connection.execute(query).fetchone() == (0,), name


def test_days_outside_the_windows_are_not_read(connection):
    connection.execute(PERSON_DAYS)
    connection.execute(
        """
        insert into marts.person_days
        select '2020-01-01'::date + number / 20, md5((number % 20)::text), null, true,
            true, 1, 1, 1, 1, 1, 1, 1
        from generate_series(0, 39999) as series (number)
        """
    )
    connection.execute("analyze marts.person_days")
    plan = "\n".join(
        line
        for (line,) in connection.execute(
            facts_sql(as_of=FIRST.replace(year=2022), timezone="UTC")
            .as_string()
            .replace("create temporary table person_facts on commit drop as", "explain")
        )
    )
    assert "Seq Scan on person_days" not in plan
    assert "person_days_day_person_id_key" in plan


def test_facts_speak_of_the_person_days_that_dbt_makes(connection, database):
    load(
        connection,
        [
            Event("1", at(hours=1), device_id="d1"),
            Event("2", at(days=1), device_id="d2", user_id="u1"),
            Event("3", at(days=2), device_id="d2", user_id="u1", event_name="click"),
            Event("4", at(days=9), device_id="d2", user_id="u1"),
        ],
    )
    connection.execute(
        "insert into raw.app_persons (user_id, role, is_internal, is_test, "
        "registered_at, valid_from, row_hash, load_id) "
        "values ('u1', 'customer', false, false, %(at)s, %(at)s, '', 1)",
        {"at": at(hours=2)},
    )
    connection.commit()
    build(connection, url=database, select=["+person_days"])
    found = facts(connection, at(days=8).date())
    counted = [
        (
            row["is_anonymous"],
            row["role"],
            row["active_day_count_7d"],
            row["active_day_count_28d"],
            row["interaction_count_28d"],
        )
        for row in found.values()
    ]
    assert sorted(counted) == [
        (False, "customer", 1, 2, 1),
        (True, None, 0, 1, 0),
    ]
