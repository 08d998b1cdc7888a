"""Landing text without the records of one person: which bytes go, and what is left.

Whatever is kept stays byte for byte as it was, also where it is malformed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from orchestration.raw.formats.access_log import read_access_log
from orchestration.raw.formats.batches import array_records, batch_records, is_batch
from orchestration.raw.formats.compression import Readable
from orchestration.raw.formats.counts import Counts
from orchestration.raw.formats.delimited import read_csv
from orchestration.raw.formats.json_values import members, parts, record_of
from orchestration.raw.formats.lines import line_blocks
from orchestration.raw.records import Record

# Tells of a record whether it is the person's.
Owned = Callable[[Record], bool]

_PIECE = 1 << 20
_TO_THE_END = 1 << 62


class Edit(NamedTuple):
    """Bytes of the unpacked file, from `start` up to `end`, and what replaces them."""

    start: int
    end: int
    replacement: bytes
    removed_count: int


def find_edits(
    stream: Readable,
    *,
    format: str,  # noqa: A002  the word that sources use
    batch_key: str,
    owned: Owned,
    offset: int,
) -> Iterator[Edit]:
    """Find what must go from an unpacked file that stands at `offset`."""
    if format == "json":
        text = _read_all(stream)
        start = len(text) - len(text.lstrip())
        body = text.strip()
        if body:
            yield from _document(body, offset + start, batch_key, owned)
    elif format == "ndjson":
        yield from _lines(stream, offset, batch_key, owned)
    elif format == "csv":
        yield from _segments(read_csv(stream, counts=Counts(), offset=offset), owned)
    else:
        records = read_access_log(stream, counts=Counts(), offset=offset)
        yield from _segments(records, owned)


def apply_edits(stream: Readable, edits: list[Edit]) -> Iterator[bytes]:
    """Give the file in pieces, edited."""
    place = 0
    waiting = list(reversed(edits))
    while piece := stream.read(_PIECE):
        begin = place
        place += len(piece)
        while waiting and waiting[-1].start < place:
            edit = waiting[-1]
            if edit.start >= begin:
                yield piece[: edit.start - begin]
                yield edit.replacement
            if edit.end > place:
                piece = b""
                begin = place
                break
            piece = piece[edit.end - begin :]
            begin = edit.end
            waiting.pop()
        if piece:
            yield piece


def _lines(
    stream: Readable, offset: int, batch_key: str, owned: Owned
) -> Iterator[Edit]:
    for block in line_blocks(stream, offset=offset):
        if block.is_cut:
            # Longer than any record: only its start is known, and it is looked at.
            continue
        start = block.offset
        for line, raw in enumerate(block.lines, block.line):
            end = start + len(raw) + 1
            if raw.lstrip().startswith(b"{") and is_batch(raw, batch_key=batch_key):
                yield from _document(raw, start, batch_key, owned)
            elif raw.strip() and owned(record_of(raw, line=line, offset=start)):
                yield Edit(start, end, b"", 1)
            start = end


def _segments(records: Iterator[Record], owned: Owned) -> Iterator[Edit]:
    """Cut from the start of a record to that of the next: newlines go with it."""
    open_at = None
    for record in records:
        if open_at is not None:
            yield Edit(open_at, record.offset, b"", 1)
        open_at = record.offset if owned(record) else None
    if open_at is not None:
        yield Edit(open_at, _TO_THE_END, b"", 1)


def _document(body: bytes, offset: int, batch_key: str, owned: Owned) -> Iterator[Edit]:
    """Take elements out of an array or a batch, or give up the one record it is."""
    if body.lstrip().startswith(b"["):
        begin, records = 0, array_records(body, line=1, offset=0)
    elif is_batch(body, batch_key=batch_key):
        spans = {key: (begin, end) for key, begin, end in members(body)}
        begin = spans[batch_key][0]
        records = batch_records(body, line=1, offset=0, batch_key=batch_key)
        body = body[: spans[batch_key][1]]
    else:
        if owned(record_of(body, line=1, offset=0)):
            yield Edit(offset, offset + len(body), b"", 1)
        return
    spans = parts(body[begin:]) or []
    kept = [
        body[begin + start : begin + end]
        for (start, end), record in zip(spans, records, strict=True)
        if not owned(record)
    ]
    if len(kept) < len(spans):
        yield Edit(
            offset + begin + spans[0][0],
            offset + begin + spans[-1][1],
            b",".join(kept),
            len(spans) - len(kept),
        )


def _read_all(stream: Readable) -> bytes:
    pieces = []
    while piece := stream.read(_PIECE):
        pieces.append(piece)
    return b"".join(pieces)
