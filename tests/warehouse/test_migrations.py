import threading
from pathlib import Path

import psycopg
import pytest

from orchestration.warehouse.connection import connect
from orchestration.warehouse.migrations import (
    SchemaError,
    check_schema,
    migrate,
    read_migrations,
)
from orchestration.warehouse.schema_document import describe_schema

ROOT = Path(__file__).parents[2]
FIRST = "create schema ops; create table ops.first (number integer);"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_first.sql").write_text(FIRST)
    (tmp_path / "0002_second.sql").write_text(
        "create table ops.second (number integer);"
    )
    return tmp_path


@pytest.fixture
def empty(empty_database):
    with connect(empty_database, application_name="tests") as connection:
        yield connection


def tables(connection):
    found = connection.execute(
        "select relname from pg_class where relnamespace = 'ops'::regnamespace"
        " and relkind = 'r' order by relname"
    )
    return [name for (name,) in found]


def test_migrations_are_applied_in_order_and_once(empty, folder):
    assert migrate(empty, folder=folder) == ["0001_first.sql", "0002_second.sql"]
    assert migrate(empty, folder=folder) == []
    assert tables(empty) == ["first", "migrations", "second"]
    check_schema(empty, folder=folder)


def test_a_new_migration_is_applied_to_an_old_warehouse(empty, folder):
    migrate(empty, folder=folder)
    (folder / "0003_third.sql").write_text("create table ops.third (number integer);")
    with pytest.raises(SchemaError, match="lacks 0003_third"):
        check_schema(empty, folder=folder)
    assert migrate(empty, folder=folder) == ["0003_third.sql"]


def test_a_failing_migration_leaves_those_before_it_and_nothing_of_itself(
    empty, folder
):
    (folder / "0003_third.sql").write_text(
        "create table ops.third (number integer); select 1 / 0;"
    )
    with pytest.raises(SchemaError, match=r"0003_third\.sql failed: division by zero"):
        migrate(empty, folder=folder)
    assert tables(empty) == ["first", "migrations", "second"]


def test_a_schema_newer_than_the_code_is_refused(empty, folder):
    migrate(empty, folder=folder)
    (folder / "0002_second.sql").unlink()
    for refuse in (migrate, check_schema):
        with pytest.raises(SchemaError, match="newer than this code: it has 0002"):
            refuse(empty, folder=folder)


def test_an_edited_migration_is_refused(empty, folder):
    migrate(empty, folder=folder)
    (folder / "0001_first.sql").write_text(FIRST + " -- changed")
    for refuse in (migrate, check_schema):
        with pytest.raises(SchemaError, match=r"0001_first\.sql was edited"):
            refuse(empty, folder=folder)


def test_commands_that_migrate_at_once_apply_everything_once(empty_database, folder):
    applied, failures = [], []

    def run():
        try:
            with connect(empty_database, application_name="tests") as connection:
                applied.extend(migrate(connection, folder=folder))
        except (psycopg.Error, SchemaError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(applied) == ["0001_first.sql", "0002_second.sql"]


def test_names_out_of_order_are_refused(tmp_path):
    (tmp_path / "first.sql").write_text("select 1;")
    with pytest.raises(SchemaError, match="a migration is named"):
        read_migrations(tmp_path)


def test_numbers_used_twice_are_refused(folder):
    (folder / "0002_again.sql").write_text("select 1;")
    with pytest.raises(SchemaError, match="share a number"):
        read_migrations(folder)


def test_an_empty_warehouse_is_said_to_lack_everything(empty, folder):
    with pytest.raises(SchemaError, match="lacks 0001_first"):
        check_schema(empty, folder=folder)


def test_a_fresh_database_is_what_the_document_says(connection):
    told = (ROOT / "docs" / "schema.md").read_text()
    made = describe_schema(connection)
    assert made == told, "run: make schema"
    connection.execute("alter table ops.loads add column mood text")
    assert describe_schema(connection) != told
