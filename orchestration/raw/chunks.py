"""Rows on their way into raw.events: batches of several loads, side by side."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from orchestration.raw.records import Batch, joined
from orchestration.raw.row_columns import Rows
from orchestration.raw.winners import Identity


class Part(NamedTuple):
    """A batch and the load that it belongs to; small files share a chunk."""

    load_id: int
    batch: Batch


class Chunk:
    """The rows of several batches side by side, with the load of each."""

    def __init__(self, parts: Sequence[Part]) -> None:
        batch = joined([part.batch for part in parts])
        self.rows = batch.rows
        self.lines = batch.lines
        self.raws = batch.raws
        self.load_ids: list[int] = []
        for load_id, part in parts:
            self.load_ids += [load_id] * len(part.rows)

    def identity(self, position: int) -> Identity:
        """Return the key of a row, and the other half of its hash that confirms it."""
        row = self.rows[position]
        return row.event_key, row.id_hash

    def by_load(self, positions: Sequence[int]) -> Iterator[tuple[int, Rows]]:
        """Yield rows and their load, one load after the other."""
        places = np.array(positions, dtype=np.int64)
        changes = np.flatnonzero(np.diff(np.array(self.load_ids)[places]))
        for group in np.split(places, changes + 1):
            if len(group):
                yield self.load_ids[group[0]], self.rows.take(group)
