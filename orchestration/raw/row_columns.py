"""Rows side by side, column by column: what loading looks at before it writes them.

An object for every row, made and asked for each of its columns, cost 1 to 1.5 µs of the
10 that a row took. One is made where a single row is looked at.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import partial
from itertools import chain, compress
from typing import Self

import numpy as np
from msgspec import Struct

from orchestration.raw.clocks import NEVER

EPOCH_DAY = date(1970, 1, 1).toordinal()


class Row(Struct, gc=False):
    """A row of raw.events: what loading looks at, and the row as COPY takes it.

    Attributes
    ----------
    event_key : int or None
        None until the row has an identity; then `event_id` is a hash of its content,
        and `packed` lacks its beginning.
    id_hash : int
        The other half of the hash that the key is of.
    occurred_at, received_at, sent_at : int
        Microseconds since 1970.
    packed : bytes
        The columns of `packing.PACKED_COLUMNS`, without `load_id`.
    """

    event_key: int | None
    id_hash: int
    event_id: str
    event_name: str
    occurred_on: date
    occurred_at: int
    received_at: int | None
    sent_at: int | None
    payload_hash: int
    device_id: str | None
    has_violation: bool
    contract_version: int
    is_too_late: bool
    packed: bytes


_no_numbers = partial(np.empty, 0, np.int64)
_no_flags = partial(np.empty, 0, bool)


@dataclass(eq=False)
class Rows:  # noqa: PLW1641  what can change has no hash
    """Rows of raw.events, as columns of what `Row` tells.

    Attributes
    ----------
    days : array of int64
        Days since 1970.
    received_at, sent_at : array of int64
        NEVER where there is none.
    is_nameless : array of bool
        Whether a row has no identity yet; its key is 0 then.
    """

    event_keys: np.ndarray = field(default_factory=_no_numbers)
    id_hashes: np.ndarray = field(default_factory=_no_numbers)
    event_ids: list[str] = field(default_factory=list)
    event_names: list[str] = field(default_factory=list)
    days: np.ndarray = field(default_factory=_no_numbers)
    occurred_at: np.ndarray = field(default_factory=_no_numbers)
    received_at: np.ndarray = field(default_factory=_no_numbers)
    sent_at: np.ndarray = field(default_factory=_no_numbers)
    payload_hashes: np.ndarray = field(default_factory=_no_numbers)
    device_ids: list[str | None] = field(default_factory=list)
    has_violation: np.ndarray = field(default_factory=_no_flags)
    contract_versions: np.ndarray = field(default_factory=_no_numbers)
    is_too_late: np.ndarray = field(default_factory=_no_flags)
    packed: list[bytes] = field(default_factory=list)
    is_nameless: np.ndarray = field(default_factory=_no_flags)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Return rows that were made one by one."""
        made = cls()
        found = [_columns_of(row) for row in rows]
        for name, items in zip(_NAMES, zip(*found, strict=True), strict=False):
            kind = getattr(made, name)
            if isinstance(kind, list):
                setattr(made, name, list(items))
            else:
                setattr(made, name, np.array(items, dtype=kind.dtype))
        return made

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return rows that follow each other."""
        if len(parts) == 1:
            return parts[0]
        made = cls()
        for name in _NAMES if parts else ():
            columns = [getattr(part, name) for part in parts]
            if isinstance(columns[0], list):
                setattr(made, name, list(chain.from_iterable(columns)))
            else:
                setattr(made, name, np.concatenate(columns))
        return made

    def take(self, places: np.ndarray) -> Self:
        """Return the rows at `places`, in their order."""
        if len(places) == len(self) and (np.diff(places) == 1).all():
            return self
        made = type(self)()
        wanted = places.tolist()
        for name in _NAMES:
            column = getattr(self, name)
            if isinstance(column, list):
                setattr(made, name, [column[place] for place in wanted])
            else:
                setattr(made, name, column[places])
        return made

    def replace(self, place: int, row: Row) -> None:
        """Put a row in the place of another."""
        for name, item in zip(_NAMES, _columns_of(row), strict=True):
            getattr(self, name)[place] = item

    def nameless(self) -> list[int]:
        """Return the places of rows without an identity."""
        return list(compress(range(len(self)), self.is_nameless.tolist()))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.packed)

    def __getitem__(self, place: int) -> Row:
        """Return one of the rows."""
        return Row(
            None if self.is_nameless[place] else int(self.event_keys[place]),
            int(self.id_hashes[place]),
            self.event_ids[place],
            self.event_names[place],
            date.fromordinal(EPOCH_DAY + int(self.days[place])),
            int(self.occurred_at[place]),
            _or_none(self.received_at[place]),
            _or_none(self.sent_at[place]),
            int(self.payload_hashes[place]),
            self.device_ids[place],
            bool(self.has_violation[place]),
            int(self.contract_versions[place]),
            bool(self.is_too_late[place]),
            self.packed[place],
        )

    def __iter__(self) -> Iterator[Row]:
        """Give the rows one by one."""
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Tell whether the rows are the same."""
        return isinstance(other, Rows) and list(self) == list(other)


_NAMES = [each.name for each in fields(Rows)]


def _columns_of(row: Row) -> tuple:
    return (
        row.event_key or 0,
        row.id_hash,
        row.event_id,
        row.event_name,
        row.occurred_on.toordinal() - EPOCH_DAY,
        row.occurred_at,
        NEVER if row.received_at is None else row.received_at,
        NEVER if row.sent_at is None else row.sent_at,
        row.payload_hash,
        row.device_id,
        row.has_violation,
        row.contract_version,
        row.is_too_late,
        row.packed,
        row.event_key is None,
    )


def _or_none(instant: np.int64) -> int | None:
    return None if instant == NEVER else int(instant)
