"""Lines that are plainly events, decoded many at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from operator import add

import msgspec

from orchestration.raw.envelope import LineEnvelope
from orchestration.raw.formats.json_values import DECODE_ERRORS
from orchestration.raw.records import Record

# Decodes a line that is plainly an event; raises one of DECODE_ERRORS for any other.
Plain = msgspec.json.Decoder[LineEnvelope]

# So many lines are decoded one by one for the sake of one that is not plain.
_RUN = 64


def runs(
    lines: Sequence[bytes], plain: Plain | None
) -> Iterator[tuple[Sequence[bytes], Sequence[LineEnvelope | None]]]:
    """Give lines in runs, with the event that each plainly is, if it is one."""
    for at in range(0, len(lines), _RUN):
        run = lines[at : at + _RUN]
        if plain is None:
            yield run, [None] * len(run)
        else:
            yield run, _together(run, plain) or [_alone(raw, plain) for raw in run]


def plain_records(
    lines: Sequence[bytes],
    envelopes: Iterable[LineEnvelope | None],
    line: int,
    offset: int,
) -> Iterator[Record]:
    """Return the records of lines that follow each other, the first at `offset`."""
    sizes = map(add, map(len, lines), repeat(1))
    offsets = accumulate(sizes, initial=offset)
    return map(
        Record, range(line, line + len(lines)), offsets, lines, envelopes, repeat(None)
    )


def _together(run: Sequence[bytes], plain: Plain) -> list[LineEnvelope] | None:
    """Decode lines at once, None if any of them is not one event.

    Each begins with { and ends with }. In no value does a newline stand between } and
    {, so none goes on in the next line, and as many values as lines are one in each.
    """
    text = b"\n".join(run)
    if text.count(b"}\n{") != len(run) - 1 or text[:1] != b"{" or text[-1:] != b"}":
        return None
    try:
        found = plain.decode_lines(text)
    except DECODE_ERRORS:
        return None
    return found if len(found) == len(run) else None


def _alone(raw: bytes, plain: Plain) -> LineEnvelope | None:
    try:
        return plain.decode(raw)
    except DECODE_ERRORS:
        return None
