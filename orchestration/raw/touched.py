"""What a transaction changed, by load: rows per day and name, devices by time."""

import struct
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

import psycopg

from orchestration.raw.bulk import copy_packed, copy_rows
from orchestration.raw.packing import EPOCH_MICROS, pack_text
from orchestration.raw.row_columns import EPOCH_DAY, Rows

# How many touched devices are kept in memory before they are written out.
_DEVICE_LIMIT = 200_000
_DAY = 86_400_000_000

_DEVICE_COLUMNS = ("load_id", "device_id", "first_at", "last_at")
_BEGIN = struct.Struct(">hiq")
_SPAN = struct.Struct(">iqiq")

Span = tuple[int, int]


class Touched:
    """Notes what changed, and writes it; instants are microseconds since 1970.

    Attributes
    ----------
    spans : dict of int to dict
        By load and day, the first and the last instant of each device, as long as it
        is not written.
    """

    def __init__(self) -> None:
        self._rows: Counter[tuple[int, date, str]] = Counter()
        self._changes: Counter[tuple[int, date, str]] = Counter()
        self.spans: defaultdict[tuple[int, int], dict[str, Span]] = defaultdict(dict)

    @property
    def days(self) -> set[date]:
        """Return the days touched so far."""
        return {day for _, day, _ in self._rows}

    def add_rows(self, load_id: int, rows: Rows) -> None:
        """Note the rows that a load brings."""
        names = Counter(zip(rows.days.tolist(), rows.event_names, strict=True))
        for (number, name), count in names.items():
            day = date.fromordinal(EPOCH_DAY + number)
            self._rows[load_id, day, name] += count
            self._changes[load_id, day, name] += count
        self.add_devices(load_id, rows.device_ids, rows.occurred_at.tolist())

    def add_days(
        self, touched: Iterable[tuple[int, date, str]], *, change: int
    ) -> None:
        """Note rows as (load id, day, event name) that came (+1) or went (-1)."""
        for key, count in Counter(touched).items():
            self._rows[key] += count
            self._changes[key] += change * count

    def add_devices(
        self, load_id: int, devices: Sequence[str | None], instants: Sequence[int]
    ) -> None:
        """Note events of devices, one instant for each."""
        if instants != sorted(instants):
            order = sorted(range(len(instants)), key=instants.__getitem__)
            devices = [devices[place] for place in order]
            instants = [instants[place] for place in order]
        start = 0
        while start < len(instants):
            # By day too: a straggler must not drag in every day between it and its
            # fellows.
            day = instants[start] // _DAY
            end = bisect_left(instants, (day + 1) * _DAY, start)
            spans = self.spans[load_id, day]
            _widen(spans, devices[start:end], instants[start:end])
            start = end

    def flush(self, connection: psycopg.Connection, *, final: bool = True) -> None:
        """Write what was noted; before the end, only when it grew large."""
        if final:
            self._write_days(connection)
        if final or sum(map(len, self.spans.values())) > _DEVICE_LIMIT:
            self._write_devices(connection)

    def _write_days(self, connection: psycopg.Connection) -> None:
        copy_rows(
            connection,
            "ops.touched_days",
            ("load_id", "occurred_on", "event_name", "row_count", "row_change"),
            ((*key, self._rows[key], self._changes[key]) for key in sorted(self._rows)),
        )

    def _write_devices(self, connection: psycopg.Connection) -> None:
        packed = [
            _device(load_id, device, first, last)
            for (load_id, _), spans in self.spans.items()
            for device, (first, last) in spans.items()
        ]
        if packed:
            copy_packed(
                connection, "ops.touched_devices", _DEVICE_COLUMNS, [(b"", packed)]
            )
        self.spans.clear()


def _widen(
    spans: dict[str, Span], devices: Sequence[str | None], instants: Sequence[int]
) -> None:
    """Make the spans of devices hold some more events, given in order of time.

    In the order of time a device's last event overwrites its others, and in the other
    order its first: two dictionaries instead of a comparison per event.
    """
    last = dict(zip(devices, instants, strict=True))
    first = dict(zip(reversed(devices), reversed(instants), strict=True))
    for device, instant in first.items():
        if device is None:
            continue
        span = instant, last[device]
        if device in spans:
            before = spans[device]
            span = min(span[0], before[0]), max(span[1], before[1])
        spans[device] = span


def _device(load_id: int, device_id: str, first: int, last: int) -> bytes:
    """Pack the row of a device."""
    begin = _BEGIN.pack(len(_DEVICE_COLUMNS), 8, load_id)
    span = _SPAN.pack(8, first - EPOCH_MICROS, 8, last - EPOCH_MICROS)
    return begin + pack_text(device_id) + span
