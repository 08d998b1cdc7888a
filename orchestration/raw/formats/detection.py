"""Which format a file has, told by its first bytes and by its name."""

import re
from pathlib import PurePosixPath

import msgspec

from orchestration.raw.formats.access_log import parse_line
from orchestration.raw.formats.delimited import header_of
from orchestration.raw.formats.json_values import DECODE_ERRORS
from orchestration.raw.formats.refusals import Refused

PARQUET_MAGIC = b"PAR1"
UTF8_MARK = b"\xef\xbb\xbf"

# Enough to see the first line of anything honest.
HEAD_SIZE = 4 << 20

_BY_SUFFIX = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".tsv": "csv"}
_PACKED_SUFFIXES = {".gz", ".gzip", ".zst", ".zstd"}
_OTHER_WIDTHS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
# What people drop into landing folders by mistake; text never begins like this.
_FOREIGN = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"%PDF-",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"\x04\x22\x4d\x18",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"Obj\x01",
    b"ORC",
    b"ARROW1",
    b"SQLite format 3\0",
    b"\x7fELF",
    PARQUET_MAGIC,
)
_ANY_VALUE = msgspec.json.Decoder(msgspec.Raw).decode


def refuse_foreign(head: bytes) -> None:
    """Refuse bytes that are no UTF-8 text from the very start."""
    if head.startswith(_OTHER_WIDTHS):
        raise Refused("wrong_encoding")
    if (head[1:4:2] == b"\0\0") != (head[0:4:2] == b"\0\0"):
        raise Refused("wrong_encoding")
    if head.startswith(_FOREIGN):
        raise Refused("wrong_format")


def format_of(head: bytes, *, is_whole: bool, name: str, batch_key: str) -> str:
    """Name the text format of a file from its head, which may be all of it."""
    suffix = _suffix(name)
    text = head.lstrip()
    if not text:
        return "ndjson"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix == ".parquet":
        raise Refused("wrong_format")
    if text[:1] in (b"{", b"["):
        return _json_kind(text, is_whole=is_whole, batch_key=batch_key)
    first_line = text.partition(b"\n")[0]
    if suffix == ".log" or parse_line(first_line)[0]:
        return "access_log"
    if suffix == ".json":
        return "ndjson"
    if _is_header(first_line):
        return "csv"
    raise Refused("wrong_format")


def _suffix(name: str) -> str:
    """Return the last suffix that does not only name a compression."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    known = [suffix for suffix in suffixes if suffix not in _PACKED_SUFFIXES]
    return known[-1] if known else ""


def _is_header(line: bytes) -> bool:
    try:
        names, _ = header_of(line)
    except Refused:
        return False
    return len(names) > 1 and b"\0" not in line


def _json_kind(text: bytes, *, is_whole: bool, batch_key: str) -> str:
    """Tell JSON lines from a document that fills the file."""
    batch = re.compile(rb'"%s"\s*:\s*\[' % re.escape(batch_key.encode()))
    line, newline, rest = text.partition(b"\n")
    if not newline:
        # One line: alone it is a document, else a batch or array too long for the
        # head, or a line that is too long for anything.
        is_document = is_whole or text[:1] == b"[" or batch.search(text)
        return "json" if is_document else "ndjson"
    if _completeness(line) == "complete":
        return "ndjson" if rest.strip() or not is_whole else "json"
    if text[:1] == b"[" or batch.search(text, 0, 1 << 12):
        return "json"
    whole = "complete" if is_whole else "prefix"
    return "json" if _completeness(text) == whole else "ndjson"


def _completeness(text: bytes) -> str:
    """Whether a text is one JSON value, the beginning of one, or neither."""
    try:
        _ANY_VALUE(text)
    except RecursionError:
        return "complete"
    except DECODE_ERRORS as error:
        return "prefix" if "truncated" in str(error) else "neither"
    return "complete"
