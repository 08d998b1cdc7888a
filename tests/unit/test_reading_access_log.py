"""Access logs: the two common forms, and lines that are neither."""

import io

import pytest

from orchestration.raw.reading import read_again, read_records

COMBINED = (
    '203.0.113.9 - frank smith [28/Feb/2024:23:59:59 -0330] "GET /a?b=c HTTP/1.1" '
    '200 12 "https://x.example/?q=\\"y\\"" "agent \\\\ \\xe4 [x] \\"z\\""'
)


def read(data: str | bytes):
    data = data.encode() if isinstance(data, str) else data
    reader = read_records(io.BytesIO(data), name="log", format="access_log")
    return list(reader)


def test_a_combined_line_gives_its_fields():
    (record,) = read(COMBINED + "\r\n")
    assert record.value == {
        "remote_host": "203.0.113.9",
        "time": "2024-02-28T23:59:59-03:30",
        "method": "GET",
        "path": "/a?b=c",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 12,
        "referrer": 'https://x.example/?q="y"',
        "user_agent": 'agent \\ \\xe4 [x] "z"',
    }
    assert read_again(record.raw, format="access_log").value == record.value


def test_a_common_line_has_no_referrer_and_no_agent():
    line = '::1 - - [01/Jan/2026:00:00:00 +0000] "POST /a HTTP/2" 304 -'
    (record,) = read(line)
    assert record.value["bytes"] is None
    assert record.value["referrer"] is record.value["user_agent"] is None
    assert record.value["protocol"] == "HTTP/2"


@pytest.mark.parametrize(
    ("request_line", "parts"),
    [
        ("GET /a b/c HTTP/1.0", ("GET", "/a b/c", "HTTP/1.0")),
        ("GET /old", ("GET", "/old", None)),
        ("-", (None, None, None)),
        ("", (None, None, None)),
        ("\\x16\\x03\\x01", (None, None, None)),
    ],
)
def test_a_request_that_is_none_keeps_its_status(request_line, parts):
    line = f'h - - [01/Jan/2026:00:00:00 +0000] "{request_line}" 400 0 "-" "-"'
    (record,) = read(line)
    names = ("method", "path", "protocol")
    assert tuple(record.value[name] for name in names) == parts
    assert record.value["status"] == 400


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Feb", "Fev"),
        ("28/Feb/2024", "30/Feb/2024"),
        ("23:59:59", "24:00:00"),
        ("-0330", "+9900"),
        ('\\"z\\""', '\\"z\\"'),
        (" 200 ", " 2000 "),
        (" 12 ", " twelve "),
        (" 12 ", f" {'9' * 5000} "),
        ("203", " 203"),
        (' "agent', ' "x" "agent'),
    ],
)
def test_a_line_of_another_form_is_said_to_be_unparsed(old, new):
    assert old in COMBINED
    bad, good = read(COMBINED.replace(old, new) + "\n" + COMBINED)
    assert (bad.problem, bad.line) == ("unparsed_line", 1)
    assert good.problem is None


def test_bytes_that_are_not_utf8_are_said_to_be_so():
    (record,) = read(COMBINED.encode().replace(b"agent", b"\xff"))
    assert record.problem == "invalid_utf8"


@pytest.mark.parametrize("hostile", ['"', '\\"', "[", '[01/Jan/2026:00:00:00 +0000] "'])
def test_a_hostile_line_costs_no_more_than_its_length(hostile):
    line = f"h - - {hostile * (900_000 // len(hostile))}"
    assert [record.problem for record in read(line)] == ["unparsed_line"]
