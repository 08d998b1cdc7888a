"""Equivalence: what builds left equals what one build from nothing leaves."""

from collections.abc import Sequence

import psycopg

from orchestration.quality.published_tables import PublishedTable
from orchestration.warehouse.digest import Digest, digest_table

# Everything right of raw that a rebuild gives again, row for row.
SCHEMAS = ("identity", "intermediate", "marts")
# What happened, once: a rebuild does not make it happen again.
_LOGS = ("identity.person_id_changes", "identity.runs")


def digest_models(
    connection: psycopg.Connection, *, schemas: Sequence[str] = SCHEMAS
) -> dict[str, Digest]:
    """Digest every table of the schemas: equal before and after a full rebuild."""
    with connection.transaction():
        tables = connection.execute(
            """
            select schemaname || '.' || tablename
            from pg_tables
            where
                schemaname = any(%s)
                and schemaname || '.' || tablename <> all(%s)
            order by 1
            """,
            (list(schemas), list(_LOGS)),
        ).fetchall()
        return {table: digest_table(connection, table) for (table,) in tables}


def unpublished_tables(
    connection: psycopg.Connection, tables: Sequence[PublishedTable]
) -> list[str]:
    """Return the tables of which readers see other rows than the mart has."""
    with connection.transaction():
        return [
            table.name
            for table in tables
            if digest_table(connection, f"{table.schema}.{table.made_name}")
            != digest_table(connection, f"published_data.{table.name}")
        ]
