"""JSON documents: one array, batch or object that fills the whole file."""

from collections.abc import Iterator

from orchestration.raw.formats.batches import array_records, batch_records, is_batch
from orchestration.raw.formats.compression import Readable
from orchestration.raw.formats.json_values import record_of
from orchestration.raw.formats.refusals import DOCUMENT_LIMIT, Refused
from orchestration.raw.records import Record

_STEP = 4 << 20


def read_document(
    stream: Readable, *, batch_key: str, offset: int = 0
) -> Iterator[Record]:
    """Read the records of a document, which is held in memory and so bounded."""
    text = _read_whole(stream)
    body = text.lstrip()
    line = 1 + text.count(b"\n", 0, len(text) - len(body))
    offset += len(text) - len(body)
    body = body.rstrip()
    if body.startswith(b"["):
        yield from array_records(body, line=line, offset=offset)
    elif body.startswith(b"{") and is_batch(body, batch_key=batch_key):
        yield from batch_records(body, line=line, offset=offset, batch_key=batch_key)
    elif body:
        yield record_of(body, line=line, offset=offset)


def _read_whole(stream: Readable) -> bytes:
    pieces = []
    size = 0
    while piece := stream.read(_STEP):
        pieces.append(piece)
        size += len(piece)
        if size > DOCUMENT_LIMIT:
            raise Refused("too_large_document")
    return b"".join(pieces)
