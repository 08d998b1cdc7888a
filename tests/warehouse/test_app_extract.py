"""The app database becomes canonical tables, and reading it again changes nothing."""

from datetime import date
from pathlib import Path

import pytest

from orchestration.raw.app_extraction import Terms
from orchestration.raw.app_snapshot import app_database_url
from orchestration.registry.reading import load_registry
from orchestration.settings import read_settings
from tests.warehouse.made_app import (
    MAPPING,
    TERMS,
    count,
    extract,
    make_app,
    make_sweep_due,
    read_mapping,
    run,
)

ROOT = Path(__file__).parents[2]
ANN = """
    insert into users values
    (1, 'Ann@Example.org', null, 'customer', 'active', '2026-01-05 23:30Z', now())
"""
BOB = """
    insert into users values
    (2, 'bob@example.org', '+49 30', 'provider', 'active', '2026-01-06 10:00Z', now())
"""
OLD = "now() - interval '3 days'"


@pytest.fixture
def app(empty_database):
    return make_app(empty_database)


@pytest.fixture
def entry(tmp_path):
    return read_mapping(tmp_path)


def persons(connection):
    rows = connection.execute(
        "select user_id, state, valid_to is null, load_id, closed_by "
        "from raw.app_persons order by user_id, valid_from"
    ).fetchall()
    connection.commit()
    return rows


def touched(connection):
    rows = connection.execute(
        "select load_id, occurred_on, event_name, row_count from ops.touched_days "
        "order by load_id, occurred_on"
    ).fetchall()
    connection.commit()
    return rows


def test_rows_arrive_typed_and_touch_their_days(database, connection, app, entry):
    run(app, ANN, BOB)
    report = extract(database, app, entry)
    load = report.load_id
    assert persons(connection) == [
        ("1", "active", True, load, None),
        ("2", "active", True, load, None),
    ]
    assert touched(connection) == [
        (load, date(2026, 1, 5), "app:persons", 1),
        (load, date(2026, 1, 6), "app:persons", 1),
    ]
    ledger = connection.execute(
        "select kind, source, record_count, accepted_count from ops.loads"
    ).fetchall()
    assert ledger == [("extract", "app", 2, 2)]


def test_the_touched_day_is_a_day_of_the_reporting_timezone(
    database, connection, app, entry
):
    run(app, ANN)
    extract(database, app, entry, terms=Terms("Europe/Berlin", b"key"))
    assert touched(connection)[0][1] == date(2026, 1, 6)


def test_contact_details_are_stored_as_pseudonyms_only(
    database, connection, app, entry
):
    run(app, ANN, BOB)
    extract(database, app, entry)
    everything = str(connection.execute("select * from raw.app_persons").fetchall())
    assert "example" not in everything.lower()
    assert "+49" not in everything
    hashes = connection.execute(
        "select email_hash, phone_hash from raw.app_persons where user_id = '1'"
    ).fetchone()
    assert hashes[0].startswith("p1_")
    assert hashes[1] is None


def test_an_unchanged_source_writes_nothing(database, connection, app, entry):
    run(app, ANN, BOB)
    extract(database, app, entry)
    before = persons(connection), touched(connection)
    for whole in (False, True):
        report = extract(database, app, entry, whole=whole)
        assert report.load_id is None
    assert (persons(connection), touched(connection)) == before
    assert count(connection, "ops.loads") == 1


def test_a_new_stamp_without_new_content_writes_nothing(
    database, connection, app, entry
):
    run(app, ANN)
    extract(database, app, entry)
    run(app, "update users set updated_at = now()")
    assert extract(database, app, entry).load_id is None
    assert len(persons(connection)) == 1


def test_a_change_closes_one_version_and_opens_the_next(
    database, connection, app, entry
):
    run(app, ANN, BOB)
    first = extract(database, app, entry).load_id
    run(app, "update users set status = 'closed', updated_at = now() where id = 1")
    second = extract(database, app, entry).load_id
    assert persons(connection) == [
        ("1", "active", False, first, second),
        ("1", "closed", True, second, None),
        ("2", "active", True, first, None),
    ]
    assert touched(connection)[-1] == (second, date(2026, 1, 5), "app:persons", 1)


def test_a_row_that_moves_touches_the_day_it_left(database, connection, app, entry):
    run(app, ANN)
    extract(database, app, entry)
    run(app, "update users set created_at = '2026-02-01Z', updated_at = now()")
    second = extract(database, app, entry).load_id
    days = [day for load, day, _, _ in touched(connection) if load == second]
    assert days == [date(2026, 1, 5), date(2026, 2, 1)]


def test_only_what_changed_and_the_overlap_is_read_again(database, app, entry):
    run(app, ANN, BOB, f"update users set updated_at = {OLD} where id = 1")
    assert extract(database, app, entry).tables["persons"].read == 2
    assert extract(database, app, entry).tables["persons"].read == 1


def test_a_row_that_committed_late_is_read_in_the_overlap(
    database, connection, app, entry
):
    extract(database, app, entry)
    late = ANN.replace("now()", "now() - interval '29 minutes'")
    run(app, late)
    extract(database, app, entry)
    assert count(connection, "raw.app_persons") == 1


def test_stamps_that_run_behind_the_clock_are_followed(database, app, entry):
    run(app, ANN.replace("now()", "timestamptz '2020-01-01Z'"))
    extract(database, app, entry)
    run(app, "update users set status = 'closed', updated_at = '2020-01-02Z'")
    assert extract(database, app, entry).tables["persons"].opened == 1
    assert extract(database, app, entry).tables["persons"].read == 1


def test_a_stamp_from_the_future_hides_no_later_change(database, app, entry):
    run(app, ANN.replace("now()", "now() + interval '1 year'"))
    extract(database, app, entry)
    run(app, BOB)
    assert extract(database, app, entry).tables["persons"].opened == 1


def test_a_deleted_row_is_closed_by_the_sweep(database, connection, app, entry):
    run(app, ANN, BOB)
    first = extract(database, app, entry).load_id
    run(app, "delete from users where id = 1")
    assert extract(database, app, entry).load_id is None
    make_sweep_due(connection)
    report = extract(database, app, entry)
    assert report.tables["persons"].was_swept
    assert persons(connection)[0] == ("1", "active", False, first, report.load_id)
    assert touched(connection)[-1] == (
        report.load_id,
        date(2026, 1, 5),
        "app:persons",
        1,
    )


def test_a_sweep_can_be_asked_for(database, app, entry):
    run(app, ANN)
    extract(database, app, entry)
    run(app, "delete from users")
    assert extract(database, app, entry, sweep=True).tables["persons"].removed == 1


def test_a_deleted_row_that_comes_back_with_its_old_stamp_is_found(
    database, connection, app, entry
):
    ann = ANN.replace("now()", OLD)
    run(app, ann, BOB)
    extract(database, app, entry)
    run(app, "delete from users where id = 1")
    make_sweep_due(connection)
    extract(database, app, entry)
    run(app, ann)
    assert extract(database, app, entry).load_id is None
    make_sweep_due(connection)
    assert extract(database, app, entry).tables["persons"].was_read_whole
    assert [row[2] for row in persons(connection) if row[0] == "1"] == [False, True]


def test_a_row_whose_transaction_outlived_the_overlap_is_found_by_the_sweep(
    database, connection, app, entry
):
    run(app, BOB)
    extract(database, app, entry)
    run(app, ANN.replace("now()", OLD))
    assert extract(database, app, entry).load_id is None
    make_sweep_due(connection)
    extract(database, app, entry)
    assert count(connection, "raw.app_persons") == 2


def test_rows_that_change_without_a_stamp_are_found_where_it_is_said(
    database, connection, app, tmp_path
):
    text = MAPPING.replace(
        "money: [amount_minor]", "money: [amount_minor]\n        deletes: reread"
    )
    entry = read_mapping(tmp_path, text)
    old = f"('old', 1.00, 'EUR', now(), {OLD})"
    new = "('new', 1.00, 'EUR', now(), now())"
    run(app, f"insert into payments values {old}, {new}")
    extract(database, app, entry)
    run(app, "update payments set amount = 2 where id = 'old'")
    assert extract(database, app, entry).load_id is None
    make_sweep_due(connection)
    extract(database, app, entry)
    amounts = connection.execute(
        "select amount_minor from raw.app_payments where payment_id = 'old' "
        "order by valid_from"
    ).fetchall()
    assert amounts == [(100,), (200,)]


def test_another_mapping_reads_everything_again(database, connection, app, tmp_path):
    run(app, ANN.replace("now()", OLD))
    extract(database, app, read_mapping(tmp_path))
    changed = MAPPING.replace("false as is_test", "true as is_test")
    report = extract(database, app, read_mapping(tmp_path, changed))
    assert report.tables["persons"].was_read_whole
    assert not report.tables["availability"].was_read_whole
    assert count(connection, "raw.app_persons", "is_test and valid_to is null") == 1


def test_a_table_without_change_stamps_is_read_whole(
    database, connection, app, tmp_path
):
    text = MAPPING.replace(
        "ends_at,\n              updated_at as changed_at", "ends_at"
    )
    assert text != MAPPING
    entry = read_mapping(tmp_path, text)
    run(
        app, "insert into slots values (default, 1, '2026-01-01Z', '2026-01-02Z', null)"
    )
    extract(database, app, entry)
    run(app, "delete from slots")
    assert extract(database, app, entry).tables["availability"].removed == 1
    assert count(connection, "raw.app_availability", "valid_to is null") == 0


def test_amounts_become_minor_units_of_their_currency(database, connection, app, entry):
    run(
        app,
        "insert into payments values ('a', 19.99, 'EUR', now(), now()), "
        "('b', 2000, 'JPY', now(), now()), ('c', -1.234, 'KWD', now(), now())",
    )
    extract(database, app, entry)
    amounts = connection.execute(
        "select amount_minor, currency from raw.app_payments order by payment_id"
    ).fetchall()
    assert amounts == [(1999, "EUR"), (2000, "JPY"), (-1234, "KWD")]


def test_a_percent_sign_in_the_sql_stays_one(database, connection, app, tmp_path):
    text = MAPPING.replace(
        "from users", "from users where email like '%Example%' and 5 % 2 = 1"
    )
    run(app, ANN)
    extract(database, app, read_mapping(tmp_path, text))
    assert count(connection, "raw.app_persons") == 1


def test_the_watermark_leaves_room_for_what_may_still_commit(
    database, connection, app, entry
):
    report = extract(database, app, entry)
    through = connection.execute(
        "select data_complete_through from ops.watermarks where source = 'app'"
    ).fetchone()[0]
    assert (report.snapshot_at - through).total_seconds() == 30 * 60


def test_the_app_database_is_found_beside_the_warehouse_or_as_given(database, tmp_path):
    given = {"DAYBOOK_HOME": str(tmp_path)}
    assert app_database_url(read_settings(given), database) is None
    given["DAYBOOK_APP_DATABASE_URL"] = "postgresql://elsewhere/app"
    assert (
        app_database_url(read_settings(given), database)
        == given["DAYBOOK_APP_DATABASE_URL"]
    )


def test_the_demo_mapping_fits_the_simulated_app(database, empty_database):
    run(empty_database, (ROOT / "orchestration/simulation/app_schema.sql").read_text())
    entry = load_registry(ROOT / "registry").entry("app_source", "app")
    report = extract(database, empty_database, entry, terms=TERMS)
    assert len(report.tables) == 19
