"""Which copy of an event is kept: a rule over the copies, never the loading order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

from orchestration.raw.records import EVENT_COLUMNS

_RECEIVED_AT = EVENT_COLUMNS.index("received_at")
_SENT_AT = EVENT_COLUMNS.index("sent_at")
_PAYLOAD_HASH = EVENT_COLUMNS.index("payload_hash")

# Nulls last: a copy without the time comes after every copy that has one.
_NEVER = datetime.max.replace(tzinfo=UTC)

# Key and confirming hash, as `keys.identify` returns them.
Identity = tuple[int, int]
Rank = tuple[datetime, int, datetime]


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
        return (self.received_at or _NEVER, self.payload_hash, self.sent_at or _NEVER)


@dataclass
class Verdict:
    """What becomes of every row, by its position among the rows."""

    new: list[int] = field(default_factory=list)
    better: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)


def rank(row: Sequence) -> Rank:
    """Return where a row stands among the copies of its event; the smallest wins."""
    return row[_RECEIVED_AT] or _NEVER, row[_PAYLOAD_HASH], row[_SENT_AT] or _NEVER


def decide(
    rows: Sequence[tuple],
    identities: Sequence[Identity],
    stored: Mapping[Identity, StoredKey],
) -> Verdict:
    """Sort rows into new, better than the stored copy, duplicate and conflict.

    A copy that loses is a duplicate when its payload is that of the winner, and a
    conflict when it says something else under the same id.
    """
    verdict = Verdict()
    winners, losers = _contest(rows, identities)
    kept: dict[Identity, int] = {}
    for identity, position in winners.items():
        before = stored.get(identity)
        kept[identity] = rows[position][_PAYLOAD_HASH]
        if before is None:
            verdict.new.append(position)
        elif rank(rows[position]) < before.rank:
            verdict.better.append(position)
        else:
            kept[identity] = before.payload_hash
            losers.append(position)
    for position in losers:
        same = rows[position][_PAYLOAD_HASH] == kept[identities[position]]
        (verdict.duplicates if same else verdict.conflicts).append(position)
    return verdict


def _contest(
    rows: Sequence[tuple], identities: Sequence[Identity]
) -> tuple[dict[Identity, int], list[int]]:
    """Return the best row of every identity, and the positions of all others."""
    winners: dict[Identity, int] = {}
    losers: list[int] = []
    for position, identity in enumerate(identities):
        other = winners.setdefault(identity, position)
        if other == position:
            continue
        if rank(rows[position]) < rank(rows[other]):
            winners[identity] = position
            losers.append(other)
        else:
            losers.append(position)
    return winners, losers
