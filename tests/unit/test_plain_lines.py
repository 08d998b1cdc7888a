"""Lines decoded together are those decoded one by one, however they are cut."""

from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.envelope import LINES
from orchestration.raw.formats.json_values import DECODE_ERRORS
from orchestration.raw.formats.plain_lines import plain_records, runs

PIECES = (
    b'{"event_name":"a"}',
    b'{"event_name":"a"} {"event_name":"b"}',
    b'{"event_name":"a","properties":{"x":"y}',
    b'{z":1}}',
    b'{"event_name":"a","properties":{}',
    b'{"event_name":"a","properties":{"x":[{}',
    b"{}]}}",
    b'"event_name":"a"}',
    b'{"event_name":',
    b'"a"}',
    b'{"event_name":"a","properties":"}',
    b'{"}',
    b"{}",
    b"",
    b" ",
    b"[",
    b"]",
    b"1",
    b"\r",
    b'{"event_name":"\\',
)
LINE = st.lists(st.sampled_from(PIECES), max_size=3).map(b"".join)


def alone(raw):
    try:
        return LINES.decode(raw)
    except DECODE_ERRORS:
        return None


def said(envelope):
    if envelope is None:
        return None
    return envelope.event_name, bytes(envelope.properties)


@given(st.lists(LINE, max_size=6))
def test_lines_are_decoded_together_as_one_by_one(lines):
    found = [each for _, envelopes in runs(lines, LINES) for each in envelopes]
    assert list(map(said, found)) == [said(alone(raw)) for raw in lines]


def test_records_of_lines_stand_where_their_lines_stand():
    lines = [b'{"event_name":"a"}', b'{"event_name":"bcd"}', b'{"event_name":"e"}']
    ((run, envelopes),) = runs(lines, LINES)
    text = b"..." + b"\n".join(lines)
    found = list(plain_records(run, envelopes, 7, 3))
    assert [record.line for record in found] == [7, 8, 9]
    for record in found:
        assert text[record.offset :].startswith(record.raw)
        assert record.value == alone(record.raw)
