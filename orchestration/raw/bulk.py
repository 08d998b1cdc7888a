"""How rows are given to COPY: in binary form, which is twice as fast as ready-made CSV.

Per row, all in: 2.5 µs in binary, 5 µs for CSV that was prepared beforehand, 15 µs when
Polars has to write that CSV first.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import ClassVar

import psycopg
from psycopg import errors, sql
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.json import JsonbBinaryDumper

_TEXT, _TEXT_ARRAY = 25, 1009
_ARRAY_HEAD = struct.Struct(">iiI")
_DIMENSION = struct.Struct(">ii")
_LENGTH = struct.Struct(">i")

_NOT_STORABLE = (
    errors.DataError,
    errors.NotNullViolation,
    errors.CheckViolation,
    errors.ProgramLimitExceeded,
    UnicodeEncodeError,
    struct.error,
    OverflowError,
)

# Few lists of purposes exist; made-up ones must not fill the memory.
_KEPT = 1_000


class _CanonicalJson(JsonbBinaryDumper):
    """Properties are JSON text already: send it, do not encode it as a string."""

    def dump(self, obj: str) -> bytes:
        return b"\x01" + obj.encode()


class _Texts(Dumper):
    """The same few lists of purposes stand in all rows: encode each once."""

    format = Format.BINARY
    oid = _TEXT_ARRAY
    _known: ClassVar[dict[tuple[str, ...], bytes]] = {}

    def dump(self, obj: Sequence[str]) -> bytes:
        key = tuple(obj)
        encoded = self._known.get(key)
        if encoded is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            encoded = self._known[key] = _encode_texts(key)
        return encoded


def _encode_texts(texts: tuple[str, ...]) -> bytes:
    if not texts:
        return _ARRAY_HEAD.pack(0, 0, _TEXT)
    items = [text.encode() for text in texts]
    pieces = [_ARRAY_HEAD.pack(1, 0, _TEXT), _DIMENSION.pack(len(items), 1)]
    for item in items:
        pieces += (_LENGTH.pack(len(item)), item)
    return b"".join(pieces)


class NotStorableError(Exception):
    """A row that the server does not take. Holds nothing of the row."""


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
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    target = sql.Identifier(*table.split("."))
    # Not by `select … limit 0`: planning that would lock every partition.
    oids = dict(
        connection.execute(
            "select attname, atttypid from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0",
            (table,),
        ).fetchall()
    )
    with connection.cursor() as cursor:
        cursor.adapters.register_dumper(str, _CanonicalJson)
        cursor.adapters.register_dumper(list, _Texts)
        statement = sql.SQL("copy {} ({}) from stdin (format binary)")
        try:
            with cursor.copy(statement.format(target, names)) as copy:
                copy.set_types([oids[name] for name in columns])
                write_row = copy.write_row
                for row in rows:
                    write_row(row)
        except _NOT_STORABLE as error:
            msg = f"{table} does not take a row: {type(error).__name__}"
            raise NotStorableError(msg) from None
