"""Digests of tables: equal exactly when two tables hold the same rows."""

from collections.abc import Collection
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

# A digest must not depend on how a session prints dates, floats or bytes.
_PRINTING = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}

# Rows are hashed one by one, the hashes sorted in 256 heaps, the heaps hashed: a
# single string of all hashes would exceed a gigabyte at 30 million rows.
_DIGEST = """
    with hashes as (
        select md5((row({columns}))::text) as hash
        from {table} as hashed
        where {condition}
    ),

    heaps as (
        select
            left(hash, 2) as heap,
            count(*) as row_count,
            md5(string_agg(hash, '' order by hash collate "C")) as hash
        from hashes
        group by left(hash, 2)
    )

    select
        coalesce(sum(row_count), 0)::bigint,
        md5(coalesce(string_agg(heap || hash, '' order by heap collate "C"), ''))
    from heaps
"""


class Digest(NamedTuple):
    """How many rows a table holds, and the hash of what they are."""

    row_count: int
    hash: str


def digest_table(
    connection: psycopg.Connection,
    table: str,
    *,
    ignoring: Collection[str] = (),
    where: LiteralString | sql.Composable = "true",
) -> Digest:
    """Digest the rows of a table, whatever order they are stored or were loaded in.

    Parameters
    ----------
    connection : psycopg.Connection
        Its transaction's snapshot is what gets digested.
    table : str
        Qualified name of a table or view, such as `raw.events`.
    ignoring : collection of str
        Columns that may differ, such as `load_id`.
    where : literal str or Composable
        An SQL condition on the rows, written in code and never by a user.
    """
    columns = [name for name in _columns(connection, table) if name not in ignoring]
    unknown = set(ignoring) - set(_columns(connection, table))
    if unknown:
        msg = f"{table} has no column {sorted(unknown)} to ignore"
        raise ValueError(msg)
    statement = sql.SQL(_DIGEST).format(
        columns=sql.SQL(", ").join(sql.Identifier("hashed", name) for name in columns),
        table=sql.Identifier(*table.split(".")),
        condition=where if isinstance(where, sql.Composable) else sql.SQL(where),
    )
    with connection.transaction():
        for setting, value in _PRINTING.items():
            connection.execute("select set_config(%s, %s, true)", (setting, value))
        [digest] = connection.execute(statement).fetchall()
    return Digest(*digest)


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    """Return the columns of a table in an order that no migration history changes."""
    names = connection.execute(
        """
        select attname::text
        from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and not attisdropped
        order by attname::text collate "C"
        """,
        (table,),
    )
    return [name for (name,) in names]
