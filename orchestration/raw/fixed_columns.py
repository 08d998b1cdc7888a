"""Columns of fixed size as binary COPY takes them, many rows packed at once."""

from collections.abc import Mapping

import numpy as np

from orchestration.raw.clocks import NEVER
from orchestration.raw.packing import EPOCH_DAYS, EPOCH_MICROS, KEY_COLUMNS, TIMES

_SIZES = {
    **dict.fromkeys(("event_key", "payload_hash", "key", "id_hash"), 8),
    **dict.fromkeys(("occurred_at", "received_at", "sent_at"), 8),
    "probe": 2,
    "occurred_on": 4,
}
_EPOCHS = {
    **dict.fromkeys(("occurred_at", "received_at", "sent_at"), EPOCH_MICROS),
    "occurred_on": EPOCH_DAYS,
}
_NULLABLE = ("received_at", "sent_at")
# After the id, which has a size of its own, what every row of raw.events begins with.
_IN_EVENTS = ("event_key", "payload_hash", *TIMES)
# What stands before TIMES, of rows that have no identity yet.
KEYS_SIZE = 24

Columns = Mapping[str, np.ndarray]


def pack_fixed(columns: Columns) -> list[bytes]:
    """Pack what follows the id of rows of raw.events, up to TIMES."""
    return _packed(_IN_EVENTS, columns, count=None)


def pack_keys(columns: Columns) -> list[bytes]:
    """Pack rows of raw.event_keys, with probe 0."""
    probe = np.zeros(len(columns["key"]), dtype=np.int64)
    return _packed(KEY_COLUMNS, {**columns, "probe": probe}, count=len(KEY_COLUMNS))


def _packed(
    names: tuple[str, ...], columns: Columns, *, count: int | None
) -> list[bytes]:
    """Pack whole columns at once, in as many groups as there are sets of nulls."""
    received, sent = (columns[name] == NEVER for name in _NULLABLE)
    if not received.any() and not sent.any():
        return _group(names, columns, count, frozenset())
    packed = np.empty(len(received), dtype=object)
    for lacks_received in (False, True):
        for lacks_sent in (False, True):
            places = (received == lacks_received) & (sent == lacks_sent)
            lacking = zip(_NULLABLE, (lacks_received, lacks_sent), strict=True)
            nulls = frozenset(name for name, is_lacking in lacking if is_lacking)
            chosen = {name: columns[name][places] for name in names}
            packed[places] = _group(names, chosen, count, nulls)
    return packed.tolist()


def _group(
    names: tuple[str, ...],
    columns: Columns,
    count: int | None,
    nulls: frozenset[str],
) -> list[bytes]:
    """Pack rows that all have nulls in the same columns."""
    parts = [] if count is None else [("count", ">i2")]
    for name in names:
        parts.append((f"{name} size", ">i4"))
        if name not in nulls:
            parts.append((name, f">i{_SIZES[name]}"))
    rows = np.empty(len(columns[names[0]]), dtype=parts)
    if count is not None:
        rows["count"] = count
    for name in names:
        if name in nulls:
            rows[f"{name} size"] = -1
        else:
            rows[f"{name} size"] = _SIZES[name]
            rows[name] = columns[name] - _EPOCHS.get(name, 0)
    return rows.view(f"V{rows.dtype.itemsize}").tolist()
