"""CSV as in RFC 4180, with a header; comma, semicolon or tab.

Every value is text. An empty cell is null, unless it was written as `""`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from orchestration.raw.formats.compression import Readable
from orchestration.raw.formats.counts import Counts
from orchestration.raw.formats.json_values import encode
from orchestration.raw.formats.lines import line_blocks
from orchestration.raw.formats.properties import unpacked
from orchestration.raw.formats.refusals import (
    KEPT_OF_LONG_RECORD,
    RECORD_LIMIT,
    Refused,
)
from orchestration.raw.records import Record

DELIMITERS = ",;\t"

# Possessive, so that a quote that never closes costs one pass.
_QUOTED_CELL = re.compile(r'"((?:[^"]++|"")*+)"')
_REST_OF_CELL = re.compile(rb'(?:[^"]++|"")*+"')
_QUOTED_NAME = re.compile(rb'"(?:[^"]++|"")*+"?')


class _Row(NamedTuple):
    """The bytes of one row, which may span lines, and what is wrong with them."""

    line: int
    offset: int
    raw: bytes
    problem: str | None


def read_csv(stream: Readable, *, counts: Counts, offset: int = 0) -> Iterator[Record]:
    """Read the rows of a CSV file, in bounded memory.

    Of a row that was read, the raw form is its JSON, since its line means nothing
    without the header.
    """
    rows = _rows(stream, counts, offset)
    header = next(rows, None)
    if header is None:
        return
    if header.problem:
        raise Refused("unreadable_csv_header")
    names, delimiter = header_of(header.raw)
    for row in rows:
        yield _record(row, names, delimiter)


def header_of(raw: bytes) -> tuple[list[str], str]:
    """Return the column names and the delimiter of a header."""
    try:
        text = raw.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise Refused("unreadable_csv_header") from None
    delimiter = _delimiter(raw.partition(b"\n")[0])
    cells = _cells(text, delimiter) or [None]
    names = [name for name in cells if name]
    if len(set(names)) < len(cells):
        raise Refused("unreadable_csv_header")
    return names, delimiter


def _record(row: _Row, names: list[str], delimiter: str) -> Record:
    line, offset, raw, problem = row
    if problem:
        return Record(line, offset, raw, None, problem)
    try:
        text = raw.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        return Record(line, offset, raw, None, "invalid_utf8")
    cells = _cells(text, delimiter)
    if cells is None:
        return Record(line, offset, raw, None, "csv_quoting")
    if len(cells) != len(names):
        return Record(line, offset, raw, None, "csv_column_count")
    value: dict[str, object] = dict(zip(names, cells, strict=True))
    return Record(line, offset, encode(value), unpacked(value), None)


def _delimiter(line: bytes) -> str:
    """Return the delimiter seen most often outside quotes; the comma wins a tie."""
    bare = _QUOTED_NAME.sub(b"", line)
    return max(DELIMITERS, key=lambda mark: bare.count(mark.encode()))


def _cells(text: str, delimiter: str) -> list[str | None] | None:
    """Split one row; None if text follows a closing quote or a quote never closes."""
    if '"' not in text:
        return [cell or None for cell in text.split(delimiter)]
    cells: list[str | None] = []
    place = 0
    while True:
        if text.startswith('"', place):
            quoted = _QUOTED_CELL.match(text, place)
            if quoted is None:
                return None
            cells.append(quoted[1].replace('""', '"'))
            end = quoted.end()
            if end < len(text) and text[end] != delimiter:
                return None
        else:
            end = text.find(delimiter, place)
            end = len(text) if end < 0 else end
            cells.append(text[place:end] or None)
        if end >= len(text):
            return cells
        place = end + 1


def _rows(stream: Readable, counts: Counts, offset: int) -> Iterator[_Row]:
    """Join lines into rows: a newline inside quotes ends no row."""
    open_row = None
    delimiter = None
    for block in line_blocks(stream, offset=offset):
        start = block.offset
        for line, raw in enumerate(block.lines, block.line):
            if open_row is None and not raw.strip():
                counts.blank += 1
            elif open_row is None and not block.is_cut and b'"' not in raw:
                yield _Row(line, start, raw, None)
            else:
                delimiter = delimiter or _delimiter(raw).encode()
                open_row = open_row or _OpenRow(line, start, delimiter)
                open_row.add(raw, quotes=block.quotes if block.is_cut else None)
                if not open_row.is_open:
                    yield open_row.close()
                    open_row = None
            if delimiter is None and raw.strip():
                delimiter = _delimiter(raw).encode()
            start += len(raw) + 1
    if open_row:
        yield open_row.give_up()


class _OpenRow:
    """A row whose end is not known from its first line alone."""

    def __init__(self, line: int, offset: int, delimiter: bytes) -> None:
        self.is_open = False
        self._line = line
        self._offset = offset
        self._delimiter = delimiter
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, raw: bytes, *, quotes: int | None) -> None:
        """Add a line; `quotes` counts those of a line that was cut."""
        if self._size <= RECORD_LIMIT:
            self._pieces.append(raw)
        if quotes is None:
            self._size += len(raw) + 1
            if not self.is_open or b'"' in raw:
                self.is_open = self._ends_open(raw)
        else:
            self._size += RECORD_LIMIT + 2
            self.is_open ^= quotes % 2 == 1

    def close(self) -> _Row:
        """Return the row, complete."""
        raw = b"\n".join(self._pieces)
        if self._size - 1 > RECORD_LIMIT:
            raw = raw[:KEPT_OF_LONG_RECORD]
            return _Row(self._line, self._offset, raw, "line_too_long")
        return _Row(self._line, self._offset, raw, None)

    def give_up(self) -> _Row:
        """Return what the end of the file cut off, if it is small enough to keep."""
        if self._size - 1 > RECORD_LIMIT:
            raise Refused("unclosed_csv_quote")
        return self.close()._replace(problem="csv_quoting")

    def _ends_open(self, raw: bytes) -> bool:
        """Whether a quoted cell goes on after this line."""
        is_quoted = self.is_open or raw.startswith(b'"')
        place = int(is_quoted and not self.is_open)
        while True:
            if is_quoted:
                rest = _REST_OF_CELL.match(raw, place)
                if rest is None:
                    return True
                place = rest.end()
            place = raw.find(self._delimiter, place) + 1
            if place == 0:
                return False
            is_quoted = raw.startswith(b'"', place)
            place += is_quoted
