"""Whatever an app does, its history has no overlaps and its present is the app's."""

import random
from datetime import timedelta

import pytest

from orchestration.warehouse.connection import connect
from tests.warehouse.made_app import (
    extract,
    make_app,
    make_sweep_due,
    read_mapping,
    run,
)

OVERLAPS = """
    select count(*)
    from raw.app_availability as one
    inner join raw.app_availability as other
        on
            one.availability_id = other.availability_id
            and one.valid_from < other.valid_from
    where other.valid_from < coalesce(one.valid_to, 'infinity')
"""
CONTENT = """
    select availability_id, provider_id, starts_at, ends_at
    from raw.app_availability
    where valid_to is null
    order by availability_id
"""
SOURCE = """
    select id::text, provider_id::text, starts_at, ends_at from slots order by id::text
"""
STAMPS = [
    "now()",
    "now() - interval '40 minutes'",
    "now() - interval '2 days'",
    "now() + interval '1 hour'",
    "null",
]


def random_statement(dice):
    key = f"md5('{dice.randint(1, 8)}')::uuid"
    stamp = dice.choice(STAMPS)
    start = f"timestamptz '2026-01-01Z' + interval '{dice.randint(0, 50)} hours'"
    kind = dice.random()
    if kind < 0.25:
        return f"delete from slots where id = {key}"
    if kind < 0.5:
        return (
            f"update slots set starts_at = {start}, updated_at = {stamp} "
            f"where id = {key}"
        )
    return (
        f"insert into slots values ({key}, {dice.randint(1, 2)}, {start}, "
        f"timestamptz '2026-02-01Z', {stamp}) on conflict (id) do update "
        "set starts_at = excluded.starts_at"
    )


def rows(connection, query):
    found = connection.execute(query).fetchall()
    connection.commit()
    return found


def check_histories(database, connection, app, directory, *, seeds, rounds):
    entry = read_mapping(directory)
    for seed in seeds:
        dice = random.Random(seed)
        for _ in range(rounds):
            run(app, *[random_statement(dice) for _ in range(dice.randint(0, 4))])
            if dice.random() < 0.3:
                make_sweep_due(connection)
            extract(database, app, entry, whole=dice.random() < 0.1)
            assert rows(connection, OVERLAPS) == [(0,)]
        # Rows that changed without a stamp are only found by reading everything.
        extract(database, app, entry, whole=True)
        assert rows(connection, OVERLAPS) == [(0,)]
        assert present(connection) == source(app)


def present(connection):
    return rows(connection, CONTENT)


def source(app):
    with connect(app, application_name="tests") as opened:
        return opened.execute(SOURCE).fetchall()


@pytest.fixture
def app(empty_database):
    return make_app(empty_database)


def test_random_histories_never_overlap(database, connection, app, tmp_path):
    check_histories(database, connection, app, tmp_path, seeds=[1, 2], rounds=8)


@pytest.mark.long
def test_many_random_histories_never_overlap(database, connection, app, tmp_path):
    check_histories(database, connection, app, tmp_path, seeds=range(30), rounds=20)


def test_by_change_equals_whole_when_every_change_is_stamped(
    database, connection, app, tmp_path
):
    entry = read_mapping(tmp_path)
    dice = random.Random(4)
    for _ in range(10):
        number = dice.randint(1, 6)
        start = f"timestamptz '2026-01-01Z' + interval '{dice.randint(0, 50)} hours'"
        run(
            app,
            f"insert into slots values (md5('{number}')::uuid, 1, {start}, "
            "timestamptz '2026-02-01Z', now()) on conflict (id) do update "
            "set starts_at = excluded.starts_at, updated_at = now()",
        )
        extract(database, app, entry)
        assert present(connection) == source(app)
    by_change = present(connection)
    assert extract(database, app, entry, whole=True).load_id is None
    assert present(connection) == by_change


def test_a_stamp_from_the_future_begins_at_the_snapshot(
    database, connection, app, tmp_path
):
    entry = read_mapping(tmp_path)
    run(
        app,
        "insert into slots values (default, 1, '2026-01-01Z', '2026-01-02Z', "
        "now() + interval '1 year')",
    )
    report = extract(database, app, entry)
    begins = rows(connection, "select valid_from from raw.app_availability")
    assert begins == [(report.snapshot_at,)]


def test_a_version_begins_when_its_stamp_says(database, connection, app, tmp_path):
    entry = read_mapping(tmp_path)
    run(
        app,
        "insert into slots values (default, 1, '2026-01-01Z', '2026-01-02Z', "
        "'2026-01-03 04:05:06Z')",
    )
    extract(database, app, entry)
    run(
        app,
        "update slots set provider_id = 2, updated_at = now() - interval '1 minute'",
    )
    extract(database, app, entry)
    found = rows(
        connection,
        "select valid_from = changed_at, provider_id, valid_to is null "
        "from raw.app_availability order by valid_from",
    )
    assert found == [(True, "1", False), (True, "2", True)]
    joined = rows(
        connection,
        "select count(*) from raw.app_availability as one "
        "inner join raw.app_availability as other on one.valid_to = other.valid_from",
    )
    assert joined == [(1,)]


def test_a_source_whose_clock_went_back_keeps_the_order(
    database, connection, app, tmp_path
):
    entry = read_mapping(tmp_path)
    slot = "(default, 1, '2026-01-01Z', '2026-01-02Z', now())"
    run(app, f"insert into slots values {slot}")
    extract(database, app, entry)
    connection.execute(
        "update raw.app_availability set valid_from = now() + interval '1 day'"
    )
    connection.commit()
    run(app, "update slots set provider_id = 2, updated_at = now()")
    extract(database, app, entry)
    run(app, "delete from slots")
    extract(database, app, entry, sweep=True)
    found = rows(
        connection,
        "select provider_id, valid_to - valid_from from raw.app_availability "
        "order by valid_from",
    )
    moment = timedelta(microseconds=1)
    assert found == [("1", moment), ("2", moment)]
    assert rows(connection, OVERLAPS) == [(0,)]
