"""Events in, batches out, with as little said as a test needs."""

import datetime as dt
import json
from pathlib import Path

from orchestration.raw.contracts import Contracts
from orchestration.raw.normalize import Normalizer
from orchestration.raw.records import EVENT_COLUMNS, Batch, Record
from orchestration.raw.sources import Source, load_source

REGISTRY = Path(__file__).parents[2] / "registry"
CONTRACTS = Contracts(REGISTRY / "contracts")
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
# Words that every event of these tests has unless it says otherwise.
COMMON = {
    "event_id": "e-1",
    "event_name": "page_view",
    "occurred_at": "2026-03-09T10:00:00Z",
    "device_id": "d-1",
}


def shipped_source(name: str) -> Source:
    return load_source(REGISTRY / "sources" / f"{name}.yml")


def made_source(**said) -> Source:
    given = {"name": "web", "description": "a", "owner": "b", "path": "web/**"}
    return Source.model_validate(given | said)


WEB = made_source(unknown_events="namespaced", default_currency="EUR")


def normalizer(source: Source = WEB, **said) -> Normalizer:
    given = {"timezone": "UTC", "pseudonym_key": b"key of tests", "now": NOW}
    return Normalizer(source=source, contracts=CONTRACTS, **(given | said))


def event(**said) -> dict:
    return {name: item for name, item in (COMMON | said).items() if item is not ...}


def record(value: object, line: int = 1) -> Record:
    return Record(line, 0, json.dumps(value).encode(), value, None)


def normalize(*events: dict, source: Source = WEB, **said) -> Batch:
    records = [record(item, line) for line, item in enumerate(events, 1)]
    return normalizer(source, **said).normalize(records)


def row_of(batch: Batch, at: int = 0) -> dict:
    assert [aside[1:4] for aside in batch.set_aside] == []
    row = dict(zip(EVENT_COLUMNS, batch.rows[at], strict=True))
    return row | {"properties": json.loads(row["properties"])}


def one_row(source: Source = WEB, **said) -> dict:
    return row_of(normalize(event(**said), source=source))


def reason_of(batch: Batch) -> tuple[str, str]:
    assert not batch.rows
    (aside,) = batch.set_aside
    return aside.reason, aside.pointer


def is_conserved(batch: Batch) -> bool:
    kept = len(batch.rows) + len(batch.set_aside)
    return batch.record_count == kept + batch.not_consented_count + (
        batch.suppressed_count
    )
