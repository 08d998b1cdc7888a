"""One JSON text: decoded, split or found wanting, whatever it holds.

Of a key that occurs twice in an object the last value counts, here and in Postgres.
"""

import re
from collections.abc import Iterator

import msgspec

from orchestration.raw.formats.refusals import (
    DEPTH_LIMIT,
    KEPT_OF_LONG_RECORD,
    RECORD_LIMIT,
)
from orchestration.raw.records import Record

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode

# What `decode` raises; its messages are never shown, since they may quote the data.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Two bytes make a level, so a shorter text needs no look at its depth.
SHALLOW_SIZE = 2 * DEPTH_LIMIT

# Possessive, so that a quote without its pair costs one pass and not one per quote.
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_MEMBER = re.compile(rb'\s*("(?:[^"\\]++|\\.)*+")\s*:', re.DOTALL)
_OPENING, _CLOSING, _COMMA = b"[{", b"]}", b","


def is_too_deep(raw: bytes) -> bool:
    """Whether a text nests deeper than DEPTH_LIMIT; cheap for nearly all texts."""
    if raw.count(b"{") + raw.count(b"[") <= DEPTH_LIMIT:
        return False
    depth = 0
    for token in _STRUCTURE.finditer(raw):
        mark = token[0]
        if mark in _OPENING:
            depth += 1
            if depth > DEPTH_LIMIT:
                return True
        elif mark in _CLOSING:
            depth -= 1
    return False


def problem_of(error: Exception) -> str:
    """Name the problem that made `decode` raise."""
    if isinstance(error, msgspec.ValidationError):
        # Without a type to check against, only numbers can be invalid.
        return "number_out_of_range"
    if isinstance(error, UnicodeDecodeError):
        return "invalid_utf8"
    return "too_deep" if isinstance(error, RecursionError) else "invalid_json"


def record_of(raw: bytes, *, line: int, offset: int) -> Record:
    """Decode one record that stands at `offset`."""
    if len(raw) > RECORD_LIMIT:
        return Record(line, offset, raw[:KEPT_OF_LONG_RECORD], None, "line_too_long")
    if len(raw) > SHALLOW_SIZE and is_too_deep(raw):
        return Record(line, offset, raw, None, "too_deep")
    try:
        value = decode(raw)
    except DECODE_ERRORS as error:
        return Record(line, offset, raw, None, problem_of(error))
    if not isinstance(value, dict):
        return Record(line, offset, raw, None, "not_an_object")
    return Record(line, offset, raw, value, None)


def parts(text: bytes) -> list[tuple[int, int]] | None:
    """Split an array or object at its own commas: (start, end) of each part.

    None if it never closes or more than spaces follow. What stands in a part is
    not looked at, so that one bad element does not hide its neighbours.
    """
    found = []
    depth = 0
    begin = None
    for token in _STRUCTURE.finditer(text):
        mark = token[0]
        if mark in _OPENING:
            depth += 1
            begin = token.end() if begin is None else begin
        elif mark in _CLOSING:
            depth -= 1
            if depth == 0:
                if found or text[begin : token.start()].strip():
                    found.append((begin, token.start()))
                return None if text[token.end() :].strip() else found
        elif mark == _COMMA and depth == 1:
            found.append((begin, token.start()))
            begin = token.end()
    return None


def members(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Give key, start and end of each value of an object that may be flawed."""
    for begin, end in parts(text) or []:
        member = _MEMBER.match(text, begin, end)
        if member:
            try:
                key = decode(member[1])
            except DECODE_ERRORS:
                continue
            yield key, member.end(), end
