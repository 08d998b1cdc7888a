"""Fifty megabytes where a line should be: neither slow nor held in memory."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from orchestration.raw.reading import Refused, read_records

LONG = 50 << 20


class Made:
    """A stream that is made while it is read, and so costs no memory of its own."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def file_with_a_long_line(start: bytes, filling: bytes, end: bytes) -> Iterator[bytes]:
    yield start
    for _ in range(LONG // len(filling)):
        yield filling
    yield end


def measure(pieces: Iterator[bytes], **options) -> tuple[list, float, int]:
    tracemalloc.start()
    started = time.process_time()
    try:
        records = list(read_records(Made(pieces), name="f", **options))
    except Refused as refused:
        records = refused.reason
    seconds = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return records, seconds, peak


@pytest.mark.parametrize("filling", [b"x" * 65_536, b'","' * 20_000, b"[{" * 30_000])
@pytest.mark.parametrize(
    ("format_", "good"),
    [
        ("ndjson", b'{"a":1}\n'),
        ("auto", b'{"a":1}\n'),
        ("csv", b"a,b\n1,2\n"),
        ("access_log", b'h - - [01/Jan/2026:00:00:00 +0000] "GET /" 200 5\n'),
    ],
)
def test_a_line_of_fifty_megabytes_is_set_aside_unread(format_, good, filling):
    pieces = file_with_a_long_line(good + b'{"a":"', filling, b'"}\n' + good)
    records, seconds, peak = measure(pieces, format=format_)
    problems = [record.problem for record in records]
    assert problems[0] is problems[-1] is None
    assert problems.count("line_too_long") == 1
    assert seconds < 2
    assert peak < 32 << 20


def test_a_first_line_of_fifty_megabytes_is_no_document():
    pieces = file_with_a_long_line(b'{"a":"', b"x" * 65_536, b'"}\n{"a":1}\n')
    records, seconds, peak = measure(pieces, format="auto")
    assert [record.problem for record in records] == ["line_too_long", None]
    assert seconds < 2
    assert peak < 32 << 20


def test_a_cell_that_never_closes_is_found_out_in_bounded_memory():
    pieces = file_with_a_long_line(b'a,b\n1,"', (b"x," * 4_999 + b"y\n") * 6, b"")
    reason, seconds, peak = measure(pieces, format="csv")
    assert reason == "unclosed_csv_quote"
    assert seconds < 2
    assert peak < 32 << 20


def test_a_stream_of_lines_is_read_in_bounded_memory():
    lines = b'{"event_id":"0123456789abcdef","event_name":"page_view"}\n' * 1000
    tracemalloc.start()
    reader = read_records(Made(iter([lines] * 300)), name="f", format="ndjson")
    count = sum(record.problem is None for record in reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 300_000
    assert peak < 40 << 20
