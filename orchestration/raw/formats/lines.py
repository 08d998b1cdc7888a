"""Lines of a stream in blocks, in bounded memory however long a line is."""

from collections.abc import Iterator
from typing import NamedTuple

from orchestration.raw.formats.compression import Readable
from orchestration.raw.formats.refusals import KEPT_OF_LONG_RECORD, RECORD_LIMIT

BLOCK_SIZE = 4 << 20


class LineBlock(NamedTuple):
    """Consecutive lines without their newlines.

    Attributes
    ----------
    line, offset : int
        Number of the first line, from 1, and the place of its first byte.
    lines : list of bytes
        Each at most RECORD_LIMIT long, unless `is_cut`.
    is_cut : bool
        The block is the start of one line that was too long to hold.
    quotes : int
        How many double quotes that line had: enough to know whether a quoted CSV
        cell goes on after it.
    """

    line: int
    offset: int
    lines: list[bytes]
    is_cut: bool = False
    quotes: int = 0


def line_blocks(stream: Readable, *, offset: int = 0) -> Iterator[LineBlock]:
    """Split a stream at its newlines; `offset` is where the stream stands."""
    line = 1
    rest = b""
    is_at_end = False
    while not is_at_end:
        piece = stream.read(BLOCK_SIZE)
        is_at_end = not piece
        buffer = rest + piece
        end = buffer.rfind(b"\n")
        if end >= 0:
            for block in _blocks_of(buffer[:end].split(b"\n"), line, offset):
                yield block
                line += len(block.lines)
            offset += end + 1
        rest = buffer[end + 1 :]
        if len(rest) > RECORD_LIMIT and not is_at_end:
            passed, quotes, remainder = _skip_line(stream)
            yield _cut(line, offset, rest, quotes=quotes)
            line += 1
            offset += len(rest) + passed
            rest = remainder
    if rest:
        yield from _blocks_of([rest], line, offset)


def _cut(line: int, offset: int, raw: bytes, *, quotes: int = 0) -> LineBlock:
    return LineBlock(
        line,
        offset,
        [raw[:KEPT_OF_LONG_RECORD]],
        is_cut=True,
        quotes=raw.count(b'"') + quotes,
    )


def _blocks_of(lines: list[bytes], line: int, offset: int) -> Iterator[LineBlock]:
    """Give the lines as one block, or as several around those that are too long."""
    if max(map(len, lines)) <= RECORD_LIMIT:
        yield LineBlock(line, offset, lines)
        return
    start = 0
    for index, raw in enumerate(lines):
        if len(raw) > RECORD_LIMIT:
            before = lines[start:index]
            if before:
                yield LineBlock(line, offset, before)
                line += len(before)
                offset += sum(map(len, before)) + len(before)
            yield _cut(line, offset, raw)
            line += 1
            offset += len(raw) + 1
            start = index + 1
    if start < len(lines):
        yield LineBlock(line, offset, lines[start:])


def _skip_line(stream: Readable) -> tuple[int, int, bytes]:
    """Read past the next newline: bytes and quotes passed, and what follows."""
    passed = quotes = 0
    while piece := stream.read(BLOCK_SIZE):
        end = piece.find(b"\n")
        if end >= 0:
            quotes += piece.count(b'"', 0, end)
            return passed + end + 1, quotes, piece[end + 1 :]
        passed += len(piece)
        quotes += piece.count(b'"')
    return passed, quotes, b""
