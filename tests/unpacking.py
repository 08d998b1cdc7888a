"""Rows as COPY is given them, read back by the rules of Postgres's binary format."""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from orchestration.raw.packing import PACKED_COLUMNS
from orchestration.raw.records import EVENT_COLUMNS, Batch
from orchestration.raw.row_columns import Row

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _day(days: int) -> date:
    return EPOCH.date() + timedelta(days=days)


NUMBERS = {
    **dict.fromkeys(("event_key", "payload_hash", "source_sequence"), int),
    **dict.fromkeys(("value_minor", "duration_ms", "status_code"), int),
    **dict.fromkeys(("contract_version", "rule_version"), int),
    **dict.fromkeys(("occurred_at", "received_at", "sent_at"), _instant),
    "occurred_on": _day,
}


def unpacked(row: Row) -> dict[str, object]:
    """The columns of a row, in the order of EVENT_COLUMNS."""
    (count,) = struct.unpack_from(">h", row.packed)
    assert count == len(PACKED_COLUMNS)
    items = list(_items(row.packed[2:]))
    said = {
        name: None if item is None else _value(name, item)
        for name, item in zip(PACKED_COLUMNS[:-1], items, strict=True)
    }
    return {name: said[name] for name in EVENT_COLUMNS}


def rows_of(batch: Batch) -> list[dict[str, object]]:
    return [unpacked(row) for row in batch.rows]


def _items(packed: bytes) -> Iterator[bytes | None]:
    at = 0
    while at < len(packed):
        (size,) = struct.unpack_from(">i", packed, at)
        at += 4
        yield None if size < 0 else packed[at : at + size]
        at += max(size, 0)
    assert at == len(packed)


def _value(name: str, item: bytes) -> object:
    if name in NUMBERS:
        (number,) = struct.unpack(">i" if len(item) == 4 else ">q", item)
        return NUMBERS[name](number)
    if name.startswith(("is_", "has_")):
        return {b"\0": False, b"\1": True}[item]
    if name == "purposes":
        return _texts(item)
    if name == "properties":
        assert item[:1] == b"\x01"
        item = item[1:]
    return item.decode()


def _texts(item: bytes) -> list[str]:
    dimensions, has_nulls, kind = struct.unpack_from(">iiI", item)
    assert (has_nulls, kind) == (0, 25)
    if dimensions == 0:
        return []
    size, lowest = struct.unpack_from(">ii", item, 12)
    found = [text.decode() for text in _items(item[20:]) if text is not None]
    assert (dimensions, lowest, len(found)) == (1, 1, size)
    return found
