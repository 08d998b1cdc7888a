"""How rows are given to COPY: in binary form, which is twice as fast as ready-made CSV.

Per row, all in: 2.5 µs in binary, 5 µs for CSV that was prepared beforehand, 15 µs when
Polars has to write that CSV first. What comes in millions is packed beforehand.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import errors, sql

from orchestration.raw.packing import NotStorableError

_NOT_STORABLE = (
    errors.DataError,
    errors.NotNullViolation,
    errors.CheckViolation,
    errors.ProgramLimitExceeded,
    UnicodeEncodeError,
    struct.error,
    OverflowError,
)

# What is sent at once: psycopg advises some hundred kilobytes.
_PIECE_ROWS = 500
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"


def copy_packed(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[bytes, Sequence[bytes]]],
) -> None:
    """COPY rows that are packed already.

    Parameters
    ----------
    rows : iterable of (end, rows)
        Rows that end in the same columns, packed without them.

    Raises
    ------
    NotStorableError
        Instead of the driver's error, whose message quotes the row.
    """
    with _copying(connection, table, columns) as copy:
        copy.write(_SIGNATURE)
        for end, packed in rows:
            for at in range(0, len(packed), _PIECE_ROWS):
                copy.write(end.join([*packed[at : at + _PIECE_ROWS], b""]))
        copy.write(_END)


def copy_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence],
) -> None:
    """COPY rows into a table; their values are of the types of its columns.

    Raises
    ------
    NotStorableError
        Instead of the driver's error, whose message quotes the row.
    """
    # Not by `select … limit 0`: planning that would lock every partition.
    oids = dict(
        connection.execute(
            "select attname, atttypid from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0",
            (table,),
        ).fetchall()
    )
    with _copying(connection, table, columns) as copy:
        copy.set_types([oids[name] for name in columns])
        for row in rows:
            copy.write_row(row)


@contextmanager
def _copying(
    connection: psycopg.Connection, table: str, columns: Sequence[str]
) -> Iterator[psycopg.Copy]:
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    with connection.cursor() as cursor:
        try:
            with cursor.copy(statement) as copy:
                yield copy
        except _NOT_STORABLE as error:
            msg = f"{table} does not take a row: {type(error).__name__}"
            raise NotStorableError(msg) from None
