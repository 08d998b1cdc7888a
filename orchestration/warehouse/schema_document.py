"""The schema as a document: what migrations make, column by column."""

import hashlib
from collections.abc import Sequence
from itertools import groupby

import psycopg

from orchestration.warehouse.migrations import Migration, read_migrations

# Without `published` and `published_data`, which publications fill as models ask.
SCHEMAS = (
    *("experiments", "funnels", "identity", "ops", "privacy", "raw"),
    *("registry", "reports", "segments"),
)
HEADING = """\
# Schema

Every table and view that the migrations of `orchestration/warehouse/migrations/` make,
with its columns in order; an asterisk marks those that are never null. `make schema`
writes this page, and tests compare it with the migrations and with a fresh database.
Models of dbt are under contract in the YAML beside them (`make docs` makes pages of
it); what readers see in `published` carries its comments in the database.
"""


def stamp(migrations: Sequence[Migration]) -> str:
    """Return the line that says of which migrations a document is."""
    texts = "".join(migration.checksum for migration in migrations)
    mark = hashlib.sha256(texts.encode()).hexdigest()[:16]
    return f"Made by {len(migrations)} migrations, {mark}.\n"


def describe_schema(connection: psycopg.Connection) -> str:
    """Return the document of the database as it is."""
    columns = connection.execute(
        """
        select
            relations.relnamespace::regnamespace::text,
            relations.relname,
            relations.relkind in ('v', 'm'),
            columns.attname || ' ' || format_type(columns.atttypid, columns.atttypmod)
            || case when columns.attnotnull then '*' else '' end
        from pg_class as relations
        inner join pg_attribute as columns on relations.oid = columns.attrelid
        where
            relations.relnamespace::regnamespace::text = any(%s)
            and relations.relkind in ('r', 'p', 'v', 'm')
            and not relations.relispartition
            and columns.attnum > 0
            and not columns.attisdropped
        order by 1, relations.relname collate "C", columns.attnum
        """,
        (list(SCHEMAS),),
    ).fetchall()
    parts = [HEADING]
    for schema, of_schema in groupby(columns, key=lambda row: row[0]):
        parts.append(f"## {schema}\n")
        for (name, is_view), rows in groupby(of_schema, key=lambda row: row[1:3]):
            kind = "view " if is_view else ""
            listed = ", ".join(column for *_, column in rows)
            parts.append(f"- {kind}`{schema}.{name}`: {listed}")
        parts.append("")
    return "\n".join([*parts, stamp(read_migrations())])
