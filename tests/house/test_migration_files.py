"""Migrations are numbered without gaps and never reach into what dbt owns."""

import re

from orchestration.warehouse.migrations import Migration, read_migrations
from orchestration.warehouse.schema_document import stamp

DBT_SCHEMAS = ("staging", "intermediate", "marts")
FOLDER = "orchestration/warehouse/migrations/"


def gaps(numbers):
    return sorted(set(range(1, max(numbers) + 1)) - set(numbers))


def statements_on_dbt_schemas(sql):
    schemas = "|".join(DBT_SCHEMAS)
    return re.findall(rf"\b(?:{schemas})\.\w+", re.sub(r"--.*", "", sql))


def test_migrations_are_numbered_without_gaps():
    assert not gaps([migration.number for migration in read_migrations()])


def test_migrations_leave_alone_what_dbt_owns():
    for migration in read_migrations():
        assert not statements_on_dbt_schemas(migration.sql), migration.name


def test_nothing_else_than_migrations_lies_among_them(tree):
    assert all(name.endswith(".sql") for name, _ in tree.under(FOLDER))


def test_a_gap_is_found():
    assert gaps([1, 2, 4]) == [3]
    assert gaps([2]) == [1]


def test_a_statement_on_a_dbt_table_is_found():
    sql = (
        "-- marts.sessions is fine here\ncreate view v as select * from marts.sessions;"
    )
    assert statements_on_dbt_schemas(sql) == ["marts.sessions"]


def test_the_document_of_the_schema_is_of_these_migrations(tree):
    of_these = stamp(read_migrations())
    assert tree.text("docs/schema.md").endswith(of_these), "run: make schema"
    assert stamp([*read_migrations(), Migration(99, "0099_more.sql", "")]) != of_these
