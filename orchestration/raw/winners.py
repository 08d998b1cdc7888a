"""Which copy of an event is kept: a rule over the copies, never the loading order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from orchestration.raw.clocks import NEVER, to_micros
from orchestration.raw.row_columns import Rows

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


class Copies:
    """Some rows as copies of events: which event, and where each stands."""

    def __init__(self, rows: Rows, positions: np.ndarray) -> None:
        self.positions = positions.tolist()
        self.payloads = rows.payload_hashes[positions].tolist()
        keys, hashes = rows.event_keys[positions], rows.id_hashes[positions]
        self.identities = list(zip(keys.tolist(), hashes.tolist(), strict=True))
        received, sent = (
            np.where(times == NEVER, _NULL, times).tolist()
            for times in (rows.received_at[positions], rows.sent_at[positions])
        )
        self.ranks = list(zip(received, self.payloads, sent, strict=True))


def decide(
    rows: Rows, positions: np.ndarray, stored: Mapping[Identity, StoredKey]
) -> Verdict:
    """Sort the rows at `positions` into new, better than stored, duplicate, conflict.

    A copy that loses is a duplicate when its payload is that of the winner, and a
    conflict when it says something else under the same id.
    """
    verdict = Verdict()
    copies = Copies(rows, positions)
    winners, losers = _contest(copies)
    kept: dict[Identity, int] = {}
    for identity, place in winners.items():
        before = stored.get(identity)
        kept[identity] = copies.payloads[place]
        if before is None:
            verdict.new.append(copies.positions[place])
        elif copies.ranks[place] < before.rank:
            verdict.better.append(copies.positions[place])
        else:
            kept[identity] = before.payload_hash
            losers.append(place)
    for place in losers:
        same = copies.payloads[place] == kept[copies.identities[place]]
        lost = verdict.duplicates if same else verdict.conflicts
        lost.append(copies.positions[place])
    return verdict


def _contest(copies: Copies) -> tuple[dict[Identity, int], list[int]]:
    """Return the best copy of every event, the smallest rank, and all other copies."""
    winners: dict[Identity, int] = {}
    losers: list[int] = []
    for place, identity in enumerate(copies.identities):
        other = winners.setdefault(identity, place)
        if other == place:
            continue
        if copies.ranks[place] < copies.ranks[other]:
            winners[identity] = place
            losers.append(other)
        else:
            losers.append(place)
    return winners, losers
