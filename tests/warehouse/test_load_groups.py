"""What one transaction of a load leaves behind."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from orchestration.raw.groups import load_group
from tests.warehouse.made_events import NOON, batch, load, read_file, row


def rows_of(connection: psycopg.Connection, query: str) -> list[tuple]:
    return connection.execute(query).fetchall()


def differences(connection: psycopg.Connection) -> set[int]:
    by_source = rows_of(connection, "select difference from ops.conservation()")
    by_day = rows_of(connection, "select difference from ops.conservation_by_day()")
    return {difference for (difference,) in by_source + by_day}


def test_a_load_writes_rows_keys_ledger_days_devices_and_names(database, connection):
    night = row("b", minutes=12 * 60, event_name="click")
    load(database, "one", batch(row("a"), night, row("c", minutes=5), quarantined=2))

    assert rows_of(
        connection, "select count(*), count(distinct key) from raw.event_keys"
    ) == [(3, 3)]
    assert rows_of(
        connection,
        "select kind, file_name, record_count, accepted_count, quarantined_count"
        " from ops.loads",
    ) == [("file", "one", 5, 3, 2)]
    assert rows_of(
        connection,
        "select occurred_on, event_name, row_count, row_change from ops.touched_days"
        " order by 1",
    ) == [
        (date(2026, 1, 5), "page_view", 2, 2),
        (date(2026, 1, 6), "click", 1, 1),
    ]
    midnight = NOON + timedelta(hours=12)
    assert rows_of(
        connection,
        "select device_id, first_at, last_at from ops.touched_devices order by 2",
    ) == [("d1", NOON, NOON + timedelta(minutes=5)), ("d1", midnight, midnight)]
    assert rows_of(connection, "select uri, status from ops.files") == [
        ("one", "loaded")
    ]
    assert rows_of(
        connection, "select outcome, reason, line_number, record from raw.set_aside"
    ) == [
        ("quarantined", "invalid_json", 4, b"{"),
        ("quarantined", "invalid_json", 5, b"{"),
    ]
    assert differences(connection) == {0}


def test_every_column_of_a_row_arrives_as_it_was_given(database, connection):
    given = row(
        "a",
        received_at=NOON,
        value_minor=1234,
        currency="EUR",
        status_code=404,
        page_url='quote " tab \t backslash \\ newline \n \\N',
        purposes=["analytics", 'odd "purpose", {with} braces'],
        properties='{"b": [1, 2.50], "ä": "\\\\ \\" "}',
    )
    load(database, "one", batch(given))

    columns = "value_minor, currency, status_code, page_url, purposes, properties"
    assert rows_of(connection, f"select {columns} from raw.events") == [
        (
            1234,
            "EUR",
            404,
            'quote " tab \t backslash \\ newline \n \\N',
            ["analytics", 'odd "purpose", {with} braces'],
            {"b": [1, 2.5], "ä": '\\ " '},
        )
    ]


def test_a_content_is_loaded_once_and_its_other_name_is_an_alias(database, connection):
    file = read_file("one", batch(row("a")))
    again = read_file("one", batch(row("a")))
    again.seen = [type(file.seen[0])("other name", 100, NOON)]
    load_group(database, "web", [file])
    result = load_group(database, "web", [again])

    assert result.counts == {}
    assert rows_of(connection, "select uri, status from ops.files order by 1") == [
        ("one", "loaded"),
        ("other name", "alias"),
    ]
    assert rows_of(connection, "select count(*) from raw.events") == [(1,)]


def test_copies_of_one_event_are_duplicates_or_conflicts(database, connection):
    early, late = NOON, NOON + timedelta(seconds=1)
    conflict = row("a", payload="y", received_at=late)
    other = row("b", payload="z", received_at=late)
    load(
        database,
        "one",
        batch(
            row("a", payload="x", received_at=late),
            row("a", payload="x", received_at=early),
            conflict,
            row("b", received_at=early),
        ),
        batch(row("b", received_at=early), other, other),
    )

    assert rows_of(
        connection,
        "select record_count, accepted_count, duplicate_count, conflict_count"
        " from ops.loads",
    ) == [(7, 2, 2, 3)]
    assert rows_of(
        connection, "select event_id, received_at from raw.events order by 1"
    ) == [("a", early), ("b", early)]
    assert rows_of(
        connection,
        "select event_id, payload_hash, line_number, record from raw.set_aside"
        " order by 1",
    ) == [("a", conflict[-4], 3, b"raw a"), ("b", other[-4], 2, b"raw b")]
    assert differences(connection) == {0}


def test_a_better_copy_replaces_the_stored_row_and_touches_both_days(
    database, connection
):
    load(database, "worse", batch(row("a", payload="x", received_at=NOON)))
    better = row(
        "a",
        payload="y",
        minutes=-24 * 60,
        received_at=NOON - timedelta(hours=1),
        device_id="d2",
    )
    load(database, "better", batch(better))

    assert rows_of(connection, "select occurred_on, device_id from raw.events") == [
        (date(2026, 1, 4), "d2")
    ]
    assert rows_of(
        connection, "select occurred_on, payload_hash from raw.event_keys"
    ) == [(date(2026, 1, 4), better[-4])]
    assert rows_of(
        connection,
        "select kind, accepted_count, replaced_count from ops.loads order by load_id",
    ) == [("file", 1, 0), ("file", 1, 0), ("replacement", 0, 1)]
    assert rows_of(
        connection,
        "select loads.kind, occurred_on, row_change from ops.touched_days"
        " inner join ops.loads using (load_id) order by load_id",
    ) == [
        ("file", date(2026, 1, 5), 1),
        ("file", date(2026, 1, 4), 1),
        ("replacement", date(2026, 1, 5), -1),
    ]
    assert rows_of(
        connection,
        "select device_id from ops.touched_devices order by 1",
    ) == [("d1",), ("d1",), ("d2",)]
    (record,) = rows_of(
        connection,
        "select convert_from(record, 'UTF8')::jsonb -> 'properties'"
        " from raw.set_aside where outcome = 'conflict'",
    )
    assert record == ({"payload": "x"},)
    assert differences(connection) == {0}


def test_a_payload_that_wins_later_is_no_longer_a_conflict(database, connection):
    first = row("a", payload="x", received_at=NOON)
    load(database, "1", batch(first))
    load(database, "2", batch(row("a", payload="y", received_at=NOON + timedelta(1))))
    load(database, "3", batch(row("a", payload="y", received_at=NOON - timedelta(1))))

    assert rows_of(connection, "select payload_hash from raw.set_aside") == [
        (first[-4],)
    ]


def test_a_key_outlives_its_row_so_that_no_copy_brings_it_back(database, connection):
    load(database, "1", batch(row("a", received_at=NOON)))
    connection.execute("delete from raw.events")
    connection.commit()
    load(database, "2", batch(row("a", received_at=NOON - timedelta(1))))

    assert rows_of(connection, "select count(*) from raw.events") == [(0,)]
    assert rows_of(
        connection,
        "select duplicate_count from ops.loads order by load_id desc limit 1",
    ) == [(1,)]


def test_ids_that_share_their_key_are_all_kept_and_told_apart(database, connection):
    # Two bits of key instead of sixty-four: of twenty ids many share one.
    ids = [f"id {number}" for number in range(20)]
    keys = {name: number % 4 for number, name in enumerate(ids)}
    rows = {name: row(name, event_key=keys[name], received_at=NOON) for name in ids}
    better = {
        name: row(
            name, event_key=keys[name], received_at=NOON - timedelta(1), minutes=7
        )
        for name in ids[:6]
    }
    load(database, "1", batch(*[rows[name] for name in ids[:9]]))
    load(
        database, "2", batch(*[rows[name] for name in ids[5:]]), batch(*better.values())
    )
    load(database, "3", batch(*[rows[name] for name in ids]))

    assert rows_of(
        connection,
        "select event_id, event_key, occurred_at from raw.events"
        " order by substr(event_id, 4)::int",
    ) == [
        (name, keys[name], NOON + timedelta(minutes=7 if name in better else 0))
        for name in ids
    ]
    assert rows_of(
        connection,
        "select key, array_agg(probe order by probe) from raw.event_keys"
        " group by key order by key",
    ) == [(key, [0, 1, 2, 3, 4]) for key in range(4)]
    assert differences(connection) == {0}


def test_files_of_a_group_are_counted_apart(database, connection):
    load_group(
        database,
        "web",
        [
            read_file("one", batch(row("a"), row("b"), quarantined=1), blank_count=3),
            read_file("two", batch(row("b"), row("c"))),
        ],
    )

    assert rows_of(
        connection,
        "select file_name, record_count, blank_count, accepted_count, duplicate_count,"
        " quarantined_count from ops.loads order by file_name",
    ) == [("one", 3, 3, 2, 0, 1), ("two", 2, 0, 1, 1, 0)]


def test_a_load_that_fails_half_way_leaves_nothing(database, connection):
    def batches():
        yield batch(row("b"))
        raise EOFError

    file = read_file("one", batch(row("a")))
    file.rest = batches()
    with pytest.raises(EOFError):
        load_group(database, "web", [file])

    for table in ("raw.events", "raw.event_keys", "ops.loads", "ops.files"):
        assert rows_of(connection, f"select count(*) from {table}") == [(0,)]


def test_days_of_any_year_get_a_partition(database, connection):
    days = [datetime(year, 2, 28, tzinfo=UTC) for year in (1970, 2000, 2026, 2100)]
    load(database, "1", batch(*[row(f"{day.year}", occurred_at=day) for day in days]))

    assert rows_of(
        connection, "select tableoid::regclass::text from raw.events order by 1"
    ) == [(f"raw.events_{day:%Y%m%d}",) for day in days]
