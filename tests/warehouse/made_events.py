"""Batches made by hand, for tests of loading that need no files."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from orchestration.raw.groups import GroupLoaded, ReadFile, load_group
from orchestration.raw.keys import event_key
from orchestration.raw.ledger import FileLoad, FileSeen
from orchestration.raw.records import EVENT_COLUMNS, Batch, SetAside
from orchestration.raw.row_columns import Rows
from orchestration.raw.rows import row_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

_DEFAULTS = {
    "event_name": "page_view",
    "device_id": "d1",
    "is_interactive": True,
    "is_bot": False,
    "is_internal": False,
    "is_test": False,
    "has_violation": False,
    "is_clock_future": False,
    "lateness": "on_time",
    "purposes": ["analytics"],
    "contract_version": 1,
    "rule_version": 1,
}


def hash64(text: str) -> int:
    return int.from_bytes(
        hashlib.sha256(text.encode()).digest()[:8], "big", signed=True
    )


def row(event_id: str, *, payload: str = "", minutes: int = 0, **columns) -> tuple:
    """A row of raw.events: everything but the given columns follows from its id."""
    source = columns.get("source", "web")
    occurred_at = NOON + timedelta(minutes=minutes)
    values = {
        **dict.fromkeys(EVENT_COLUMNS),
        **_DEFAULTS,
        "source": source,
        "event_id": event_id,
        "event_key": event_key(source, event_id),
        "occurred_at": occurred_at,
        "payload_hash": hash64(f"{event_id} {payload}"),
        "properties": json.dumps({"payload": payload}),
        **columns,
    }
    values.setdefault("occurred_on", None)
    values["occurred_on"] = values["occurred_on"] or values["occurred_at"].date()
    return tuple(values[name] for name in EVENT_COLUMNS)


def batch(*rows: tuple, quarantined: int = 0) -> Batch:
    """A batch of rows, and of records that were quarantined."""
    return Batch(
        rows=Rows.of([row_of(made) for made in rows]),
        lines=list(range(1, len(rows) + 1)),
        raws=[f"raw {made[2]}".encode() for made in rows],
        set_aside=[
            SetAside(
                "quarantined",
                "invalid_json",
                "",
                None,
                None,
                None,
                None,
                len(rows) + number + 1,
                0,
                b"{",
            )
            for number in range(quarantined)
        ],
        record_count=len(rows) + quarantined,
    )


def read_file(name: str, *batches: Batch, blank_count: int = 0) -> ReadFile:
    """A file that has been read, its content named by its name."""
    return ReadFile(
        load=FileLoad(name, hashlib.sha256(name.encode()).digest(), 100),
        seen=[FileSeen(name, 100, NOON)],
        first=batches[0],
        rest=iter(batches[1:]),
        blank_count=lambda: blank_count,
    )


def load(url: str, name: str, *batches: Batch, source: str = "web") -> GroupLoaded:
    """Load one file made of batches."""
    return load_group(url, source, [read_file(name, *batches)])
