"""Rows on their way into raw.events: batches of several loads, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

from orchestration.raw.records import Batch, Row
from orchestration.raw.winners import Identity


class Part(NamedTuple):
    """A batch and the load that it belongs to; small files share a chunk."""

    load_id: int
    batch: Batch


class Chunk:
    """The rows of several batches side by side, with the load of each."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.rows: list[Row] = []
        self.lines: list[int] = []
        self.raws: list[bytes] = []
        self.load_ids: list[int] = []
        for part in parts:
            self.rows += part.batch.rows
            self.lines += part.batch.lines
            self.raws += part.batch.raws
            self.load_ids += [part.load_id] * len(part.batch.rows)

    def identity(self, position: int) -> Identity:
        """Return the key of a row, and the other half of its hash that confirms it."""
        row = self.rows[position]
        return row.event_key, row.id_hash
