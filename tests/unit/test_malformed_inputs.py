"""10,000 bad files: none crashes or hangs the reader, and every record is accounted."""

import io
import time
from collections import Counter

import pytest

from orchestration.raw.reading import REFUSALS, Refused, read_again, read_records
from orchestration.raw.reasons import Reason
from tests.unit.malformed_inputs import KINDS, Malformed, malformed_inputs

pytestmark = pytest.mark.thorough

COUNT = 10_000
# One is far from a hang; the slowest of these takes a twentieth of it.
SECONDS_PER_INPUT = 2


def read(item: Malformed):
    """Return the records, or the reason for which the file is refused."""
    try:
        reader = read_records(io.BytesIO(item.data), name="f", format=item.format)
        return list(reader), reader.blank_count
    except Refused as refused:
        return refused.reason, 0


def check(item: Malformed) -> Counter:
    """Read one input, and return how often each outcome occurred."""
    started = time.process_time()
    result, blank_count = read(item)
    assert time.process_time() - started < SECONDS_PER_INPUT, item.name
    if isinstance(result, str):
        assert result in REFUSALS, item.name
        assert item.is_refused is not False, (item.name, result)
        return Counter([result])
    assert not item.is_refused, item.name
    if item.records is not None:
        assert len(result) == item.records, item.name
    is_by_line = (
        item.format in {"ndjson", "access_log"} and b'"events"' not in item.data
    )
    if is_by_line:
        # Counted another way: every line is a record or blank.
        data = item.data.removeprefix(b"\xef\xbb\xbf")
        lines = data.split(b"\n")
        assert len(result) + blank_count == len(lines) - (lines[-1] == b""), item.name
    for record in result:
        assert (record.value is None) == (record.problem is not None), item.name
        assert record.problem is None or record.problem in set(Reason), item.name
        assert record.raw or record.problem, item.name
        if is_by_line:
            assert item.data.startswith(record.raw, record.offset), item.name
        if record.value is not None and item.format != "auto":
            again = read_again(record.raw, format=item.format)
            assert repr(again.value) == repr(record.value), item.name
    places = [(record.line, record.offset) for record in result]
    assert places == sorted(set(places)), item.name
    return Counter(record.problem or "readable" for record in result)


def test_ten_thousand_bad_inputs_are_read_or_refused_with_a_reason():
    outcomes = Counter()
    for item in malformed_inputs(COUNT):
        outcomes += check(item)
    # The generator would prove nothing if it missed what it is for.
    assert outcomes["readable"] > COUNT / 4
    reached = set(outcomes) & set(Reason)
    assert reached >= {
        *("invalid_json", "invalid_utf8", "not_an_object", "number_out_of_range"),
        *("too_deep", "csv_column_count", "csv_quoting", "unparsed_line"),
    }
    assert set(outcomes) & set(REFUSALS) >= {
        *("truncated_compressed", "corrupt_compressed", "invalid_document"),
        *("wrong_format", "wrong_encoding", "unreadable_csv_header", "corrupt_parquet"),
    }


def test_the_same_seed_makes_and_reads_the_same():
    first = [(item, read(item)) for item in malformed_inputs(10 * len(KINDS), seed=7)]
    again = [(item, read(item)) for item in malformed_inputs(10 * len(KINDS), seed=7)]
    assert repr(first) == repr(again)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_thousand_more_are_too(seed):
    for item in malformed_inputs(COUNT, seed=seed):
        check(item)
