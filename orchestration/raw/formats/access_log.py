"""Web-server access logs in the common and the combined log format."""

import re
from collections.abc import Iterator
from datetime import datetime

from orchestration.raw.formats.compression import Readable
from orchestration.raw.formats.counts import Counts
from orchestration.raw.formats.lines import line_blocks
from orchestration.raw.records import Record

# A quoted field ends at the first quote that no backslash escapes. Possessive, so
# that a line without its closing quote fails in one pass.
_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'
_LINE = re.compile(
    r"(\S+) \S+ .*?\[(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\] "
    rf"{_QUOTED} (\d{{3}}) (\d{{1,18}}|-)(?: {_QUOTED} {_QUOTED})?\s*",
    re.ASCII | re.DOTALL,
)
_REQUEST = re.compile(r"([A-Z][A-Z0-9_-]*) (\S.*?)(?: (HTTP/\d(?:\.\d)?))?", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_MONTHS = {
    "Jan": "01",
    "Feb": "02",
    "Mar": "03",
    "Apr": "04",
    "May": "05",
    "Jun": "06",
    "Jul": "07",
    "Aug": "08",
    "Sep": "09",
    "Oct": "10",
    "Nov": "11",
    "Dec": "12",
}


def read_access_log(
    stream: Readable, *, counts: Counts, offset: int = 0
) -> Iterator[Record]:
    """Read the requests of an access log, in bounded memory.

    A field that the server wrote as `-` is null. A request line that is no request
    (a probe, a broken client) keeps its status and time, with a null method.
    """
    for block in line_blocks(stream, offset=offset):
        start = block.offset
        for line, raw in enumerate(block.lines, block.line):
            if block.is_cut:
                yield Record(line, start, raw, None, "line_too_long")
            elif raw.strip():
                value, problem = parse_line(raw)
                yield Record(line, start, raw, value, problem)
            else:
                counts.blank += 1
            start += len(raw) + 1


def parse_line(raw: bytes) -> tuple[dict[str, object] | None, str | None]:
    """Return the fields of a line, or the problem with it."""
    try:
        parsed = _LINE.fullmatch(raw.decode())
    except UnicodeDecodeError:
        return None, "invalid_utf8"
    if parsed is None:
        return None, "unparsed_line"
    host, day, month, year, clock, hours, minutes, request, status, size, *rest = (
        parsed.groups()
    )
    time = f"{year}-{_MONTHS.get(month, month)}-{day}T{clock}{hours}:{minutes}"
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return None, "unparsed_line"
    said = _REQUEST.fullmatch(_unescaped(request) or "")
    method, path, protocol = said.groups() if said else (None, None, None)
    referrer, user_agent = map(_unescaped, rest)
    return {
        "remote_host": host,
        "time": time,
        "method": method,
        "path": path,
        "protocol": protocol,
        "status": int(status),
        "bytes": None if size == "-" else int(size),
        "referrer": referrer,
        "user_agent": user_agent,
    }, None


def _unescaped(text: str | None) -> str | None:
    """Undo the server's escapes of quotes; those of other bytes stay as written."""
    if text is None or text == "-":
        return None
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
