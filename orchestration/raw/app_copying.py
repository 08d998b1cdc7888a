"""Rows from a source to the warehouse, COPY to COPY, in bounded memory.

Contact details become keyed hashes on the way: in clear they are only ever in the
buffer of this process.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator

import psycopg
from psycopg import sql

Hide = Callable[[str], str]

_BUFFER_BYTES = 1 << 18
_NULL = b"\\N"
_ESCAPE = re.compile(rb"\\([bfnrtv\\])")
_ESCAPED = {
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
}
_KEY_VERSION = "p1_"


def copy_rows(
    source: psycopg.Connection,
    warehouse: psycopg.Connection,
    *,
    query: sql.Composable,
    into: sql.Composable,
    hidden: dict[int, Hide],
) -> None:
    """Stream what `query` yields into the table `into` of the warehouse.

    Parameters
    ----------
    query : sql.Composable
        A SELECT that yields the columns of `into`, in order.
    hidden : dict of int to Hide
        By position, the columns whose values are replaced on the way.
    """
    reading = sql.SQL("copy ({}) to stdout").format(query)
    writing = sql.SQL("copy {} from stdin").format(into)
    with (
        source.cursor() as reader,
        warehouse.cursor() as writer,
        reader.copy(reading) as rows,
        writer.copy(writing) as target,
    ):
        blocks: Iterable[bytes] = (bytes(block) for block in rows)
        if hidden:
            blocks = (_hide(block, hidden) for block in blocks)
        for chunk in _buffered(blocks):
            target.write(chunk)


def pseudonym(kind: str, *, key: bytes) -> Hide:
    """Return what turns a value of `kind` into its pseudonym.

    Spellings of one address or number become one pseudonym: an e-mail address is
    compared without case, a phone number by its digits.
    """
    spelling = {"email": _plain_email, "phone": _plain_phone, "text": str}[kind]

    def hide(value: str) -> str:
        text = spelling(value)
        digest = hmac.digest(key, text.encode(), hashlib.sha256)
        return _KEY_VERSION + digest.hex()[:32] if text else ""

    return hide


def _plain_email(value: str) -> str:
    return value.strip().casefold()


def _plain_phone(value: str) -> str:
    digits = "".join(each for each in value if each.isdecimal())
    return digits.removeprefix("00")


def _buffered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    # psycopg hands out one row at a time; writing them singly costs a call each.
    buffer = bytearray()
    for block in blocks:
        buffer += block
        if len(buffer) >= _BUFFER_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _hide(row: bytes, hidden: dict[int, Hide]) -> bytes:
    """Replace the hidden columns of one row in COPY's text format."""
    fields = row.removesuffix(b"\n").split(b"\t")
    for position, hide in hidden.items():
        if fields[position] != _NULL:
            value = _ESCAPE.sub(lambda each: _ESCAPED[each[1]], fields[position])
            fields[position] = hide(value.decode()).encode() or _NULL
    return b"\t".join(fields) + b"\n"
