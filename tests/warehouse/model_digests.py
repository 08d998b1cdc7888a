"""Equivalence: what builds left equals what one build from nothing leaves."""

from orchestration.warehouse.digest import digest_table

# Everything right of raw that a rebuild gives again, row for row.
SCHEMAS = ("identity", "intermediate", "marts")
# What happened, once: a rebuild does not make it happen again.
_LOGS = ("identity.person_id_changes", "identity.runs")


def digest_models(connection, *, schemas=SCHEMAS):
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
