"""NDJSON: one event to a line, or one batch of events."""

from collections.abc import Iterable, Iterator
from itertools import chain

from orchestration.raw.formats.batches import batch_records
from orchestration.raw.formats.compression import Readable
from orchestration.raw.formats.counts import Counts
from orchestration.raw.formats.json_values import (
    DECODE_ERRORS,
    SHALLOW_SIZE,
    decode,
    is_too_deep,
    problem_of,
)
from orchestration.raw.formats.lines import LineBlock, line_blocks
from orchestration.raw.formats.plain_lines import Plain, plain_records, runs
from orchestration.raw.records import Record


def read_ndjson(
    stream: Readable,
    *,
    counts: Counts,
    batch_key: str,
    offset: int = 0,
    plain: Plain | None = None,
) -> Iterator[Record]:
    """Read the records of a stream of JSON lines, in bounded memory."""
    blocks = line_blocks(stream, offset=offset)
    # By runs, since every generator that a record passes on its own costs it 0.05 µs.
    return chain.from_iterable(
        chain.from_iterable(_runs(block, counts, batch_key, plain) for block in blocks)
    )


def _runs(
    block: LineBlock, counts: Counts, batch_key: str, plain: Plain | None
) -> Iterator[Iterable[Record]]:
    line, offset = block.line, block.offset
    if block.is_cut:
        (raw,) = block.lines
        yield (Record(line, offset, raw, None, "line_too_long"),)
        return
    for lines, envelopes in runs(block.lines, plain):
        if None not in envelopes:
            yield plain_records(lines, envelopes, line, offset)
            line += len(lines)
            offset += sum(map(len, lines)) + len(lines)
            continue
        for raw, envelope in zip(lines, envelopes, strict=True):
            if envelope is None:
                yield _judged(raw, line, offset, counts, batch_key)
            else:
                yield (Record(line, offset, raw, envelope, None),)
            line += 1
            offset += len(raw) + 1


def _judged(
    raw: bytes, line: int, offset: int, counts: Counts, batch_key: str
) -> Iterator[Record]:
    """Read a line of which nothing is known: a record, a batch, a problem or blank."""
    problem = None
    value = None
    try:
        if len(raw) > SHALLOW_SIZE and is_too_deep(raw):
            problem = "too_deep"
        else:
            value = decode(raw)
    except DECODE_ERRORS as error:
        problem = problem_of(error) if raw.strip() else "blank"
    if isinstance(value, dict):
        if batch_key in value and isinstance(value[batch_key], list):
            yield from batch_records(raw, line=line, offset=offset, batch_key=batch_key)
        else:
            yield Record(line, offset, raw, value, None)
    elif problem == "blank":
        counts.blank += 1
    else:
        yield Record(line, offset, raw, None, problem or "not_an_object")
