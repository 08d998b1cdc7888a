"""Rows of raw.events and their keys as binary COPY takes them, by shared pieces.

Column by column in the driver a row costs 2.7 µs, half of it for columns that are null
or the same in thousands of rows. Here such columns stand side by side, so that they are
packed once and joined as one piece.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from orchestration.raw.clocks import to_micros
from orchestration.raw.contracts import HOT_COLUMNS
from orchestration.raw.records import EVENT_COLUMNS
from orchestration.raw.row_columns import Row

Pack = Callable[[Any], bytes]

# In this order a row is given to COPY; the load adds `load_id`, its last column.
IDENTITY = ("event_id", "event_key", "payload_hash")
TIMES = ("occurred_on", "occurred_at", "received_at", "sent_at")
WHO = ("device_id", "user_id", "client_session_id")
PAGE = (
    *("page_url", "page_path", "referrer"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)
AGENT = ("device_class", "browser_family", "browser_major", "is_bot")
CLIENT = ("platform", "region", "locale", "app_version")
NATURE = (
    *("source", "event_name", "is_interactive", "contract_version", "rule_version"),
    *("is_internal", "is_test", "has_violation", "is_clock_future"),
    *("lateness", "purposes"),
)
PACKED_COLUMNS = (
    *IDENTITY, *TIMES, "source_sequence", *WHO, *PAGE, *HOT_COLUMNS,
    *AGENT, "ip_truncated", *CLIENT, *NATURE, "properties", "load_id",
)  # fmt: skip

KEY_COLUMNS = (
    *("key", "probe", "id_hash", "occurred_on"),
    *("received_at", "payload_hash", "sent_at"),
)
# Postgres counts from 2000: in days and in microseconds after 1970.
EPOCH_DAYS = 10_957
EPOCH_MICROS = EPOCH_DAYS * 86_400_000_000
_EPOCH_ORDINAL = date(2000, 1, 1).toordinal()
_TEXT = 25

_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_INT4 = struct.Struct(">ii")
_INT8 = struct.Struct(">iq")
_KEYS = struct.Struct(">iqiq")
_KEY_START = struct.Struct(">hiqihiqii")
_ARRAY_HEAD = struct.Struct(">iiI")
_DIMENSION = struct.Struct(">ii")
_FLAG = {None: _LENGTH.pack(-1), False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}
NULL = _FLAG[None]
# With which every row begins.
COUNT = _COUNT.pack(len(PACKED_COLUMNS))


class NotStorableError(Exception):
    """A row that the server does not take. Holds nothing of the row."""


def pack_text(text: str | None) -> bytes:
    """Pack a text column."""
    if text is None:
        return NULL
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def pack_int4(number: int | None) -> bytes:
    """Pack an integer column."""
    return NULL if number is None else _INT4.pack(4, number)


def pack_int8(number: int | None) -> bytes:
    """Pack a bigint column."""
    return NULL if number is None else _INT8.pack(8, number)


def pack_json(encoded: bytes) -> bytes:
    """Pack a jsonb column from its text."""
    return _LENGTH.pack(len(encoded) + 1) + b"\x01" + encoded


def pack_instant(instant: datetime | None) -> bytes:
    """Pack a timestamptz column."""
    if instant is None:
        return NULL
    return _INT8.pack(8, to_micros(instant) - EPOCH_MICROS)


def _pack_day(day: date) -> bytes:
    return _INT4.pack(4, day.toordinal() - _EPOCH_ORDINAL)


def _pack_texts(texts: Sequence[str]) -> bytes:
    items = [text.encode() for text in texts]
    head = _ARRAY_HEAD.pack(1, 0, _TEXT) + _DIMENSION.pack(len(items), 1)
    if not items:
        head = _ARRAY_HEAD.pack(0, 0, _TEXT)
    packed = head + b"".join(_LENGTH.pack(len(item)) + item for item in items)
    return _LENGTH.pack(len(packed)) + packed


_PACKS: dict[str, Pack] = {
    **dict.fromkeys(PACKED_COLUMNS, pack_text),
    **dict.fromkeys(
        ("event_key", "source_sequence", "value_minor", "duration_ms"), pack_int8
    ),
    **dict.fromkeys(("payload_hash", "load_id"), pack_int8),
    **dict.fromkeys(("status_code", "contract_version", "rule_version"), pack_int4),
    **dict.fromkeys(("occurred_at", "received_at", "sent_at"), pack_instant),
    **dict.fromkeys(
        (
            *("is_interactive", "is_bot", "is_internal", "is_test"),
            *("has_violation", "is_clock_future"),
        ),
        _FLAG.__getitem__,
    ),
    "occurred_on": _pack_day,
    "purposes": _pack_texts,
    "properties": lambda text: pack_json(text.encode()),
}


def pack_columns(names: Sequence[str], values: Sequence[object]) -> bytes:
    """Pack values of the columns of these names."""
    try:
        return b"".join(
            [_PACKS[name](value) for name, value in zip(names, values, strict=True)]
        )
    except (struct.error, UnicodeEncodeError) as error:
        msg = f"raw.events does not take a row: {type(error).__name__}"
        raise NotStorableError(msg) from None


_AFTER_IDENTITY = PACKED_COLUMNS[len(IDENTITY) : -1]
_PLACES = [EVENT_COLUMNS.index(name) for name in _AFTER_IDENTITY]


def pack_row(row: Sequence[object]) -> bytes:
    """Pack what follows the identity of a row, given in the order of EVENT_COLUMNS."""
    return pack_columns(_AFTER_IDENTITY, [row[place] for place in _PLACES])


def pack_identity(event_id: str, key: int, payload_hash: int) -> bytes:
    """Pack the beginning of a row."""
    return COUNT + pack_text(event_id) + _KEYS.pack(8, key, 8, payload_hash)


def pack_key(row: Row, probe: int) -> bytes:
    """Pack the row of raw.event_keys that stands for an event."""
    day = row.occurred_on.toordinal() - _EPOCH_ORDINAL
    start = _KEY_START.pack(
        *(len(KEY_COLUMNS), 8, row.event_key, 2, probe, 8, row.id_hash, 4, day)
    )
    times = [
        None if time is None else time - EPOCH_MICROS
        for time in (row.received_at, row.sent_at)
    ]
    return b"".join(
        (start, pack_int8(times[0]), pack_int8(row.payload_hash), pack_int8(times[1]))
    )
