"""Events in, batches out, with as little said as a test needs."""

import datetime as dt
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace as replaced

from orchestration.raw.contracts import Contracts
from orchestration.raw.formats.json_values import DECODE_ERRORS
from orchestration.raw.formats.plain_lines import Plain
from orchestration.raw.normalize import Normalizer
from orchestration.raw.reading import read_again, read_records
from orchestration.raw.records import Batch, Record
from orchestration.raw.row_columns import Rows
from orchestration.raw.sources import Source, load_source
from tests.unpacking import unpacked

REGISTRY = Path(__file__).parents[2] / "registry"
FIELDS = [each for each in fields(Normalizer) if each.init]
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


def record(value: Any, line: int = 1) -> Record:
    return Record(line, 0, json.dumps(value).encode(), value, None)


def normalize(*events: dict, source: Source = WEB, **said) -> Batch:
    """What becomes of events; they are judged by the short and by the long way."""
    records = [record(item, line) for line, item in enumerate(events, 1)]
    batch = normalizer(source, **said).normalize(records)
    assert as_lines(records, normalizer(source, **said)) == batch
    assert long_way(source, **said).normalize(records) == batch
    return batch


class LongWay(Normalizer):
    """Judges every record as if it were unusual."""

    def _plainly(self, records, batch):
        del batch
        return Rows(), np.empty(0, np.int64), list(range(len(records)))


def long_way(source: Source = WEB, **said) -> Normalizer:
    one = normalizer(source, **said)
    return LongWay(**{each.name: getattr(one, each.name) for each in FIELDS})


def as_lines(records: list[Record], one: Normalizer) -> Batch:
    """Normalise records after decoding the plain ones of them from their bytes."""
    return one.normalize([decoded(each, one.plain) for each in records], again=again)


def decoded(record: Record, plain: Plain | None) -> Record:
    if plain is None or record.value is None:
        return record
    try:
        return replaced(record, value=plain.decode(record.raw))
    except DECODE_ERRORS:
        return record


def again(record: Record) -> Record:
    read = read_again(record.raw, format="ndjson")
    return replaced(read, line=record.line, offset=record.offset)


def both_ways(data: bytes, one: Normalizer, *, kind: str) -> tuple[Batch, Batch]:
    """Read and normalise a file by the short way, and by the long way."""
    long = LongWay(**{each.name: getattr(one, each.name) for each in FIELDS})
    batches = []
    for each, plain in ((one, one.plain), (long, None)):
        reader = read_records(io.BytesIO(data), name="f", format=kind, plain=plain)
        batches.append(each.normalize(list(reader), again=reader.again))
    return batches[0], batches[1]


def row_of(batch: Batch, at: int = 0) -> dict:
    assert [aside[1:4] for aside in batch.set_aside] == []
    row = unpacked(batch.rows[at])
    return row | {"properties": json.loads(str(row["properties"]))}


def one_row(source: Source = WEB, **said) -> dict:
    return row_of(normalize(event(**said), source=source))


def reason_of(batch: Batch) -> tuple[str, str]:
    assert len(batch.rows) == 0
    (aside,) = batch.set_aside
    return aside.reason, aside.pointer


def is_conserved(batch: Batch) -> bool:
    kept = len(batch.rows) + len(batch.set_aside)
    return batch.record_count == kept + batch.not_consented_count + (
        batch.suppressed_count
    )
