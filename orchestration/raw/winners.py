"""Which copy of an event is kept: a rule over the copies, never the loading order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from orchestration.raw.clocks import to_micros
from orchestration.raw.records import Row

# Nulls last: a copy without the time comes after every copy that has one.
_NULL = 2**63 - 1

# Key and confirming hash, as `keys.identify` returns them.
Identity = tuple[int | None, int]
Rank = tuple[int, int, int]


class StoredKey(NamedTuple):
    """What raw.event_keys says of an event that was accepted before."""

    probe: int
    occurred_on: date
    received_at: datetime | None
    payload_hash: int
    sent_at: datetime | None

    @property
    def rank(self) -> Rank:
        """Return where the copy stands among the copies of its event."""
        received = _NULL if self.received_at is None else to_micros(self.received_at)
        sent = _NULL if self.sent_at is None else to_micros(self.sent_at)
        return received, self.payload_hash, sent


@dataclass
class Verdict:
    """What becomes of every row, by its position among the rows."""

    new: list[int] = field(default_factory=list)
    better: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)


def rank(row: Row) -> Rank:
    """Return where a row stands among the copies of its event; the smallest wins."""
    received = _NULL if row.received_at is None else row.received_at
    return received, row.payload_hash, _NULL if row.sent_at is None else row.sent_at


def decide(
    rows: Sequence[Row],
    positions: Sequence[int],
    stored: Mapping[Identity, StoredKey],
) -> Verdict:
    """Sort the rows at `positions` into new, better than stored, duplicate, conflict.

    A copy that loses is a duplicate when its payload is that of the winner, and a
    conflict when it says something else under the same id.
    """
    verdict = Verdict()
    winners, losers = _contest(rows, positions)
    kept: dict[Identity, int] = {}
    for identity, position in winners.items():
        before = stored.get(identity)
        kept[identity] = rows[position].payload_hash
        if before is None:
            verdict.new.append(position)
        elif rank(rows[position]) < before.rank:
            verdict.better.append(position)
        else:
            kept[identity] = before.payload_hash
            losers.append(position)
    for position in losers:
        row = rows[position]
        same = row.payload_hash == kept[row.event_key, row.id_hash]
        (verdict.duplicates if same else verdict.conflicts).append(position)
    return verdict


def _contest(
    rows: Sequence[Row], positions: Sequence[int]
) -> tuple[dict[Identity, int], list[int]]:
    """Return the best row of every identity, and the positions of all others."""
    winners: dict[Identity, int] = {}
    losers: list[int] = []
    for position in positions:
        row = rows[position]
        identity = row.event_key, row.id_hash
        other = winners.setdefault(identity, position)
        if other == position:
            continue
        if rank(row) < rank(rows[other]):
            winners[identity] = position
            losers.append(other)
        else:
            losers.append(position)
    return winners, losers
