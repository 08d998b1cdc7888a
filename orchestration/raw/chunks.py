"""Rows on their way into raw.events: batches of several loads, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

from orchestration.raw.keys import identify
from orchestration.raw.records import EVENT_COLUMNS, Batch
from orchestration.raw.winners import Identity

# Positions of the columns that loading looks at.
KEY = EVENT_COLUMNS.index("event_key")
SOURCE = EVENT_COLUMNS.index("source")
EVENT_ID = EVENT_COLUMNS.index("event_id")
NAME = EVENT_COLUMNS.index("event_name")
DAY = EVENT_COLUMNS.index("occurred_on")
INSTANT = EVENT_COLUMNS.index("occurred_at")
RECEIVED = EVENT_COLUMNS.index("received_at")
SENT = EVENT_COLUMNS.index("sent_at")
DEVICE = EVENT_COLUMNS.index("device_id")
VIOLATION = EVENT_COLUMNS.index("has_violation")
PAYLOAD = EVENT_COLUMNS.index("payload_hash")
CONTRACT = EVENT_COLUMNS.index("contract_version")


class Part(NamedTuple):
    """A batch and the load that it belongs to; small files share a chunk."""

    load_id: int
    batch: Batch


class Chunk:
    """The rows of several batches side by side, with the load of each."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.rows: list[tuple] = []
        self.lines: list[int] = []
        self.raws: list[bytes] = []
        self.load_ids: list[int] = []
        for part in parts:
            self.rows += part.batch.rows
            self.lines += part.batch.lines
            self.raws += part.batch.raws
            self.load_ids += [part.load_id] * len(part.batch.rows)
        # The key is the row's own; the other half is what confirms it.
        self.identities: list[Identity] = [
            (row[KEY], identify(row[SOURCE], row[EVENT_ID])[1]) for row in self.rows
        ]
