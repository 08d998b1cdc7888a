"""CSV: quotes, line breaks in cells, headers, and rows that do not fit them."""

import csv
import io
import random

import pytest

from orchestration.raw.formats.refusals import RECORD_LIMIT
from orchestration.raw.reading import Refused, read_again, read_records


def read(data: bytes):
    return read_records(io.BytesIO(data), name="events.csv", format="csv")


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as refused:
        list(read(data))
    return refused.value.reason


def test_an_empty_cell_is_null_and_an_empty_text_is_a_text():
    (record,) = read(b'a,b,c\n1,,""\n')
    assert record.value == {"a": "1", "b": None, "c": ""}


@pytest.mark.parametrize("mark", [b",", b";", b"\t"])
def test_the_delimiter_is_told_by_the_header_alone(mark):
    (record,) = read(b'a%sb\n"1,;\t"%s2 3\n' % (mark, mark))
    assert record.value == {"a": "1,;\t", "b": "2 3"}


def test_a_delimiter_inside_a_quoted_column_name_is_no_delimiter():
    (record,) = read(b'"a;b;c",d\n1,2\n')
    assert record.value == {"a;b;c": "1", "d": "2"}


def test_a_row_may_span_lines_and_is_found_at_its_first():
    data = b'\xef\xbb\xbfa,"b\n c"\r\n1,"x\r\n""y""\n"\r\n\r\n2,3'
    reader = read(data)
    first, second = reader
    assert first.value == {"a": "1", "b\n c": 'x\r\n"y"\n'}
    assert second.value == {"a": "2", "b\n c": "3"}
    assert [first.line, second.line] == [3, 7]
    assert data[first.offset :].startswith(b'1,"x')
    assert data[second.offset :] == b"2,3"
    assert reader.blank_count == 1


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"1", "csv_column_count"),
        (b"1,2,3", "csv_column_count"),
        (b'1,"2"3', "csv_quoting"),
        (b"1,\xff", "invalid_utf8"),
        (b'1,"\xff\n"', "invalid_utf8"),
        (b'1,"' + b"x" * RECORD_LIMIT + b'"', "line_too_long"),
        (b'1,"' + b'x\n""' * (RECORD_LIMIT // 4) + b'"', "line_too_long"),
        (b'1,"' + b"x" * (5 << 20) + b'\n9,9\n"', "line_too_long"),
    ],
)
def test_a_bad_row_has_its_reason_and_hides_no_neighbour(row, problem):
    first, bad, last = read(b"a,b\n1,2\n" + row + b"\n3,4\n")
    assert (first.value, bad.problem) == ({"a": "1", "b": "2"}, problem)
    assert row.startswith(bad.raw)
    assert last.value == {"a": "3", "b": "4"}


def test_a_quote_inside_an_unquoted_cell_is_a_character():
    (record,) = read(b'a,b\n5" screen,x\n')
    assert record.value == {"a": '5" screen', "b": "x"}


def test_a_quote_that_is_not_closed_sets_aside_a_short_rest_and_refuses_a_long_one():
    _, last = read(b'a,b\n1,2\n3,"4\n5,6\n')
    assert (last.problem, last.raw) == ("csv_quoting", b'3,"4\n5,6')
    assert refusal(b'a,b\n1,"2\n' + b"3,4\n" * 300_000) == "unclosed_csv_quote"


@pytest.mark.parametrize(
    "header", [b"a,a", b"a,", b",", b'"a"b,c', b"a,\xff", b'a,"b', b"x" * (2 << 20)]
)
def test_a_header_that_names_no_distinct_columns_is_refused(header):
    assert refusal(header + b"\n1,2\n") == "unreadable_csv_header"


def test_a_row_can_be_read_again_without_its_header():
    (record,) = read(b'id,properties\n1,"{""a"": [1]}"\n')
    assert record.value == {"id": "1", "properties": {"a": [1]}}
    assert read_again(record.raw, format="csv").value == record.value


def test_properties_that_are_no_object_stay_text():
    values = [
        record.value["properties"] for record in read(b"i,properties\n1,[1]\n2,x")
    ]
    assert values == ["[1]", "x"]


def test_what_python_writes_is_read_back():
    choose = random.Random(7)
    for _ in range(200):
        rows = [
            ["".join(choose.choices('ab ",;\n\r\té', k=choose.randrange(6)))] * 2
            for _ in range(5)
        ]
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerows([["k1", "k2"], *rows])
        read_back = [
            list(record.value.values()) for record in read(text.getvalue().encode())
        ]
        assert read_back == rows
