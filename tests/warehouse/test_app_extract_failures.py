"""What cannot be extracted says so, says where, and leaves nothing behind."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from orchestration.raw.app_history import ExtractError
from orchestration.registry.problems import RegistryError
from orchestration.warehouse.connection import connect, sibling_url
from tests.warehouse.made_app import (
    MAPPING,
    count,
    extract,
    make_app,
    read_mapping,
    run,
)

ROOT = Path(__file__).parents[2]
MANY = """
    insert into users
    select n, 'u' || n || '@example.org', null, 'customer', 'active',
        timestamptz '2026-01-01Z' + n * interval '1 minute', now()
    from generate_series(1, {}) as n
"""


@pytest.fixture
def app(empty_database):
    return make_app(empty_database)


@pytest.fixture
def entry(tmp_path):
    return read_mapping(tmp_path)


def problems(database, app, directory, *changes):
    text = MAPPING
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(RegistryError) as caught:
        extract(database, app, read_mapping(directory, text))
    return str(caught.value).splitlines()


def test_every_mismatch_is_named_with_its_line_at_once(database, app, tmp_path):
    found = problems(
        database,
        app,
        tmp_path,
        ("              role,\n", ""),
        ("provider_id,", "provider_id, 1.5 as load_id, starts_at::timestamp as x,"),
        ("starts_at,\n", "starts_at::timestamp as starts_at,\n"),
        ("        money: [amount_minor]\n", ""),
    )
    assert found == [
        "sources/app.yml:4: tables.persons.sql: persons lacks the column role; "
        "allowed: role as text",
        "sources/app.yml:17: tables.availability.sql: availability has no column "
        "load_id; "
        "allowed: availability_id, provider_id, starts_at, ends_at, changed_at",
        "sources/app.yml:17: tables.availability.sql: availability has no column x; "
        "allowed: availability_id, provider_id, starts_at, ends_at, changed_at",
        "sources/app.yml:17: tables.availability.sql: availability.starts_at is "
        "timestamp without time zone, expected timestamp with time zone; allowed: say "
        "its zone: … at time zone 'UTC'",
        "sources/app.yml:26: tables.payments.sql: payments.amount_minor is numeric, "
        "expected bigint; allowed: list it under money, or cast it",
    ]


def test_a_column_the_source_does_not_have_is_named(database, app, tmp_path):
    found = problems(database, app, tmp_path, ("from slots", "from slotz"))
    assert found == [
        "sources/app.yml:18: tables.availability.sql: the source refuses it: "
        'relation "slotz" does not exist'
    ]


def test_contact_details_in_clear_are_refused(database, app, tmp_path):
    found = problems(
        database,
        app,
        tmp_path,
        ("email_hash: email, phone_hash: phone", "phone_hash: phone"),
    )
    assert found == [
        "sources/app.yml:4: tables.persons.sql: persons.email_hash would be stored as "
        "it comes; allowed: pseudonymise: {email_hash: email}"
    ]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            "('a', 1.005, 'EUR', now(), now())",
            "is finer than the currency's minor unit",
        ),
        ("('a', 1.5, 'JPY', now(), now())", "is finer than the currency's minor unit"),
        ("('a', 'NaN', 'EUR', now(), now())", "or beyond 64 bits in 1 rows"),
        ("('a', 1e30, 'EUR', now(), now())", "or beyond 64 bits in 1 rows"),
        ("('a', 1, 'eur', now(), now())", "has no currency of three capital letters"),
        ("('a', 1, null, now(), now())", "payments.currency is empty in 1 rows"),
    ],
)
def test_money_that_cannot_be_kept_exactly_is_refused(
    database, connection, app, entry, rows, reason
):
    run(app, MANY.format(5), f"insert into payments values {rows}")
    with pytest.raises(ExtractError, match=reason):
        extract(database, app, entry)
    assert count(connection, "raw.app_persons") == 0


def test_a_key_that_comes_twice_is_refused(database, app, tmp_path):
    text = MAPPING.replace(
        "from users", "from users cross join (values (1), (2)) as two"
    )
    run(app, MANY.format(3))
    with pytest.raises(ExtractError, match="user_id is not unique: 3 rows too many"):
        extract(database, app, read_mapping(tmp_path, text))


def test_an_error_while_reading_quotes_no_value(database, app, tmp_path):
    text = MAPPING.replace("role,", "(email::int)::text as role,")
    run(app, MANY.format(1))
    with pytest.raises(ExtractError) as caught:
        extract(database, app, read_mapping(tmp_path, text))
    assert str(caught.value) == (
        "persons: InvalidTextRepresentation while reading or writing its rows"
    )
    assert caught.value.__suppress_context__


def test_a_slow_source_is_given_up(database, app, tmp_path):
    text = MAPPING.replace("tables:", "statement_timeout_seconds: 1\n    tables:")
    slow = "from users, generate_series(1, 100000000) as n where n < 0"
    text = text.replace("from users", slow)
    run(app, MANY.format(1))
    with pytest.raises(ExtractError, match="persons: the source's statement timeout"):
        extract(database, app, read_mapping(tmp_path, text))


def test_a_source_out_of_reach_says_so_without_its_password(database, entry):
    url = "postgresql://app:secret@127.0.0.1:9/app"
    with pytest.raises(
        ExtractError, match="the source 'app' cannot be reached"
    ) as caught:
        extract(database, url, entry)
    assert "secret" not in str(caught.value)
    with pytest.raises(ExtractError, match="does not exist"):
        extract(database, sibling_url(database, "no_such_database"), entry)


def test_the_source_is_only_read(database, app, tmp_path):
    run(
        app,
        "create function sneak() returns text language sql as "
        "$$ insert into slots values (default, 1, now(), now()) returning 'x' $$",
    )
    text = MAPPING.replace("role,", "sneak() as role,")
    run(app, MANY.format(1))
    with pytest.raises(ExtractError, match="ReadOnlySqlTransaction"):
        extract(database, app, read_mapping(tmp_path, text))


def test_of_two_extracts_at_once_one_waits(database, connection, app, entry):
    run(app, MANY.format(2000))
    reports = []

    def work():
        reports.append(extract(database, app, entry))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.load_id is None for report in reports) == [False, True]
    assert count(connection, "raw.app_persons") == 2000
    assert count(connection, "ops.loads") == 1


def test_an_extract_waits_for_a_build(database, connection, app, entry):
    run(app, MANY.format(1))
    connection.execute("select pg_advisory_lock(hashtext('daybook.truth'))")
    connection.commit()
    worker = threading.Thread(target=extract, args=(database, app, entry))
    worker.start()
    worker.join(timeout=1)
    assert worker.is_alive()
    assert count(connection, "raw.app_persons") == 0
    connection.execute("select pg_advisory_unlock(hashtext('daybook.truth'))")
    connection.commit()
    worker.join(timeout=20)
    assert count(connection, "raw.app_persons") == 1


KILLED = """
import sys
from pathlib import Path
from tests.warehouse.made_app import extract
from orchestration.registry.reading import load_registry
entry = load_registry(Path(sys.argv[3])).entry("app_source", "app")
print("ready", flush=True)
extract(sys.argv[1], sys.argv[2], entry)
"""


def kill_some(database, connection, app, directory, times):
    entry = read_mapping(directory)
    run(app, MANY.format(20_000))
    dice = random.Random(1)
    finished = 0
    for round_number in range(times):
        run(app, f"update users set role = 'r{round_number}', updated_at = now()")
        before = count(connection, "raw.app_persons"), count(connection, "ops.loads")
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, database, app, str(directory)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout.readline() == b"ready\n"
        time.sleep(dice.uniform(0, 1.5))
        process.kill()
        process.wait()
        wait_until_gone(connection)
        after = count(connection, "raw.app_persons"), count(connection, "ops.loads")
        finished += after != before
        assert after in (before, (before[0] + 20_000, before[1] + 1))
        touched = "select coalesce(sum(row_count), 0) from ops.touched_days"
        assert connection.execute(touched).fetchone()[0] == after[0]
        connection.commit()
    extract(database, app, entry)
    current = count(
        connection, "raw.app_persons", f"role = 'r{times - 1}' and valid_to is null"
    )
    assert current == 20_000
    return finished


def wait_until_gone(connection):
    """Wait for the backend of a killed client to notice."""
    deadline = time.monotonic() + 30
    others = "pg_stat_activity"
    where = "application_name = 'daybook extract' and datname = current_database()"
    while count(connection, others, where) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_killed_extract_leaves_all_or_nothing(database, connection, app, tmp_path):
    kill_some(database, connection, app, tmp_path, 4)


@pytest.mark.long
def test_many_killed_extracts_leave_all_or_nothing(database, connection, app, tmp_path):
    finished = kill_some(database, connection, app, tmp_path, 60)
    assert 0 < finished < 60


def test_a_full_stop_of_the_source_leaves_nothing(database, connection, app, entry):
    run(app, MANY.format(200_000))
    failed = []

    def work():
        try:
            extract(database, app, entry)
        except (ExtractError, psycopg.Error) as error:
            failed.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    with connect(app, application_name="tests", autocommit=True) as administration:
        deadline = time.monotonic() + 20
        terminated = False
        while not terminated and time.monotonic() < deadline:
            terminated = administration.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where "
                "application_name = 'daybook extract' and datname = current_database() "
                "and query like 'copy%'"
            ).fetchone()
    worker.join(timeout=60)
    assert failed
    assert count(connection, "raw.app_persons") == 0
    assert count(connection, "ops.loads") == 0
