"""JSON in all its shapes: lines, batches, arrays, and whatever is wrong with them."""

import io
import json

import pytest

from orchestration.raw.formats.lines import BLOCK_SIZE
from orchestration.raw.formats.refusals import KEPT_OF_LONG_RECORD, RECORD_LIMIT
from orchestration.raw.reading import Refused, read_again, read_records
from orchestration.raw.reasons import Reason


def read(data: bytes, **options):
    return read_records(io.BytesIO(data), name="events", **options)


def problems(data: bytes, **options) -> list[str | None]:
    return [record.problem for record in read(data, **options)]


def refusal(data: bytes, **options) -> str:
    with pytest.raises(Refused) as refused:
        list(read(data, **options))
    return refused.value.reason


def test_lines_are_numbered_and_their_bytes_found_by_offset():
    data = b'{"a":1}\n\n \r\n{"a":2}\r\n{"a":3}'
    reader = read(data)
    records = list(reader)
    assert [record.value for record in records] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert [record.line for record in records] == [1, 4, 5]
    assert reader.blank_count == 2
    for record in records:
        assert data[record.offset :].startswith(record.raw)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a":1', "invalid_json"),
        (b'{"a":1,}', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":-Infinity}', "invalid_json"),
        (b'{"a":01}', "invalid_json"),
        (b'{"a":"\x00"}', "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b"{'a':1}", "invalid_json"),
        (b"\x00\x00\x00", "invalid_json"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"a":"\xc0\xaf"}', "invalid_utf8"),
        (b'{"a":1e999}', "number_out_of_range"),
        (b'{"a":' + b"9" * 5000 + b"}", "number_out_of_range"),
        (b"[1]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"[" * 10_000, "too_deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "too_deep"),
        (b'{"a":"' + b"x" * RECORD_LIMIT + b'"}', "line_too_long"),
    ],
)
def test_a_bad_line_has_its_reason_and_hides_no_neighbour(line, problem):
    data = b'{"a":1}\n' + line + b'\n{"a":2}\n'
    records = list(read(data, format="ndjson"))
    assert [record.problem for record in records] == [None, problem, None]
    assert problem in list(Reason)
    assert [record.line for record in records] == [1, 2, 3]
    assert data[records[1].offset :].startswith(records[1].raw)
    assert data[records[2].offset :] == b'{"a":2}\n'


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":-0}', {"a": 0}),
        (b'{"a":1e-999}', {"a": 0.0}),
        (b'{"a":12345678901234567890123}', {"a": 12345678901234567890123}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":"\\u0000"}', {"a": "\0"}),
        (b'{"a":"[[[[{{{{"}', {"a": "[[[[{{{{"}),
    ],
)
def test_odd_but_valid_lines_read_the_same_everywhere(line, value):
    assert [record.value for record in read(line)] == [value]


def test_brackets_in_strings_are_no_depth():
    line = json.dumps({"a": '\\"[{' * 500}).encode()
    assert problems(line) == [None]


def test_a_hundred_levels_are_not_too_deep():
    assert problems(b'{"a":' * 100 + b"1" + b"}" * 100) == [None]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    (record,) = read(b'\xef\xbb\xbf{"a":1}')
    assert record.value == {"a": 1}
    assert record.offset == 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_of_another_width_is_refused(encoding):
    assert refusal('{"a":1}\n'.encode(encoding)) == "wrong_encoding"


def test_lines_longer_than_a_block_are_skipped_wherever_they_stand():
    for size in (RECORD_LIMIT, BLOCK_SIZE - 9, BLOCK_SIZE, 3 * BLOCK_SIZE + 1):
        long = b'{"a":"' + b"x" * size + b'"}'
        data = b"\n".join([long, b'{"a":1}', long, b'{"a":2}', long])
        records = list(read(data, format="ndjson"))
        assert [record.line for record in records] == [1, 2, 3, 4, 5]
        assert [record.problem for record in records] == [
            *("line_too_long", None, "line_too_long", None, "line_too_long")
        ]
        assert len(records[0].raw) == KEPT_OF_LONG_RECORD
        assert data[records[3].offset :].startswith(b'{"a":2}\n')


def test_a_batch_gives_its_events_and_says_for_each_what_it_says_for_all():
    batch = {
        "batch_id": "b1",
        "event_id": "not theirs",
        "sent_at": "2026-01-01T10:00:00Z",
        "context": {"app": "x", "os": "y"},
        "events": [
            {"event_id": "1"},
            {"event_id": "2", "sent_at": "own", "context": {"os": "own"}},
            7,
            {"event_name": "of no id"},
        ],
    }
    first, second, third, fourth = read(json.dumps(batch).encode())
    assert first.value == {
        "event_id": "1",
        "sent_at": "2026-01-01T10:00:00Z",
        "context": {"app": "x", "os": "y"},
    }
    assert second.value == {
        "event_id": "2",
        "sent_at": "own",
        "context": {"app": "x", "os": "own"},
    }
    assert (third.problem, third.raw) == ("not_an_object", b"7")
    assert fourth.value.keys() == {"event_name", "sent_at", "context"}
    # Replayed from what is kept of it, a record is the same record.
    assert read_again(first.raw, format="json").value == first.value


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", ["array", "batch", "line of an NDJSON file"])
def test_a_document_gives_the_same_records_in_every_shape(shape, indent):
    events = [{"event_id": str(number), "n": [number]} for number in range(5)]
    value = events if shape == "array" else {"events": events}
    data = json.dumps(value, indent=indent).encode()
    if shape.startswith("line"):
        data = json.dumps(value).encode() + b"\n" + data.replace(b"\n", b"") + b"\n"
        events = events * 2
    records = list(read(data))
    assert [record.value for record in records] == events
    for record in records:
        assert data[record.offset :].startswith(record.raw)
        assert data.count(b"\n", 0, record.offset) == record.line - 1


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":}', "invalid_json"),
        (b'{"a":1e999}', "number_out_of_range"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b"[" * 10_000 + b"]" * 10_000, "too_deep"),
        (b"", "invalid_json"),
        (b'{"a":"' + b"x" * RECORD_LIMIT + b'"}', "line_too_long"),
    ],
)
def test_a_bad_element_of_a_document_hides_no_neighbour(bad, problem, indent):
    space = b"\n  " if indent else b""
    array = b"[%b]" % (b"," + space).join([b'{"a":1}', bad, b'{"a":2}'])
    for data in (array, b'{"sent_at":"x","events":%b}' % array):
        records = list(read(data, format="json"))
        assert [record.problem for record in records] == [None, problem, None]
        assert records[0].value["a"] == 1
        assert records[2].value["a"] == 2
        if bad:
            assert data[records[1].offset :].startswith(records[1].raw)


def test_both_ways_of_splitting_a_document_agree():
    elements = [b'{"a":",]}"}', b'{"b":[1,{"c":"\\""}]}', b" 1 ", b'"x"', b"{}", b"[]"]
    good = b"[%b]" % b" , ".join(elements)
    flawed = b"[%b]" % b" , ".join([*elements, b"NaN"])
    assert list(read(good)) == list(read(flawed))[:-1]


@pytest.mark.parametrize(
    "data", [b'[{"a":1},{"a":', b'[{"a":1}', b'[{"a":1}] trailing', b'[{"a":1}][]']
)
def test_a_document_that_does_not_close_is_refused_whole(data):
    assert refusal(data) == "invalid_document"


def test_a_document_beyond_its_limit_is_refused():
    element = b'{"a":"%b"},' % (b"x" * 100_000)
    data = b"[" + element * 700 + b"1]"
    assert refusal(data) == "too_large_document"


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("format_", ["auto", "ndjson", "json", "csv", "access_log"])
def test_an_empty_file_has_no_records_and_is_not_refused(data, format_):
    assert list(read(data, format=format_)) == []


def test_empty_arrays_and_batches_have_no_records():
    assert list(read(b"[]")) == []
    assert list(read(b'{"events": []}\n')) == []


@pytest.mark.parametrize(
    ("data", "name", "format_"),
    [
        (b'{"a":1}\n{"a":2}\n', "day.json", "ndjson"),
        (b'{"a":1}\n{"a":', "day.json", "ndjson"),
        (b'{"a":\n{"a":1}\n', "day.json", "ndjson"),
        (b'oops\n{"a":1}\n', "day.json", "ndjson"),
        (b'{\n "a": 1\n}\n', "day.json", "json"),
        (b'[\n {"a": 1}\n]', "day.json", "json"),
        (b'[1]\n{"a":1}\n', "day.json", "ndjson"),
        (b'{"events": [\n{"a":1},\n', "day.json", "json"),
        (b'{"events": [' + b'{"a":1},' * 600_000, "day.json", "json"),
        (b'{"a": "' + b"x" * 5_000_000 + b'"}\n{}', "day.json", "ndjson"),
        (b'{"a": [' + b"1,\n" * 2_000_000, "day.json", "json"),
        (b"a,b\n1,2\n", "day.csv.gz", "csv"),
        (b"a;b\n1;2\n", "day", "csv"),
        (b'::1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5', "x", None),
    ],
)
def test_the_format_is_told_by_content_and_name(data, name, format_):
    reader = read_records(io.BytesIO(data), name=name)
    assert reader.format == (format_ or "access_log")


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"PK\x03\x04"])
@pytest.mark.parametrize("format_", ["auto", "ndjson", "json", "csv", "parquet"])
def test_foreign_files_are_refused(start, format_):
    assert refusal(start + b"\n\0rest", format=format_) == "wrong_format"


def test_text_without_any_known_form_is_refused():
    assert refusal(b"Dear all,\nthe export failed.\n\0") == "wrong_format"


def test_a_refusal_quotes_nothing_of_the_file():
    with pytest.raises(Refused) as refused:
        list(read(b'[{"email":"someone@example.com"'))
    assert "someone" not in str(refused.value)
    assert refused.value.__cause__ is None
