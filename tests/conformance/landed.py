"""Files of the cases, read and normalised as a load would."""

import datetime as dt
import io
import os
from itertools import islice
from pathlib import Path

import pytest

from orchestration.raw.contracts import Contracts
from orchestration.raw.normalize import Normalizer
from orchestration.raw.reading import read_records
from orchestration.raw.records import Batch, joined
from orchestration.raw.sources import Source, load_source
from tests.unpacking import unpacked

CASES = Path(os.environ.get("DAYBOOK_CASES", "../shared/cases"))
REGISTRY = Path(__file__).parents[2] / "registry"
CONTRACTS = Contracts(REGISTRY / "contracts")
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def case(name: str) -> Path:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist (set DAYBOOK_CASES)")
    return folder


def shipped(name: str) -> Source:
    return load_source(REGISTRY / "sources" / f"{name}.yml")


def declared(name: str) -> Source:
    return load_source(Path(__file__).parent / "sources" / f"{name}.yml")


def normalizer(source: Source, *, timezone: str = "UTC") -> Normalizer:
    return Normalizer(
        source=source,
        contracts=CONTRACTS,
        timezone=timezone,
        pseudonym_key=b"key of tests",
        now=NOW,
    )


def load(content: bytes, source: Source, *, name: str = "file") -> Batch:
    """Normalise a file in chunks of an awkward size."""
    one, parts = normalizer(source), []
    reader = read_records(
        io.BytesIO(content),
        name=name,
        format=source.format,
        batch_key=source.batch_key,
        plain=one.plain,
    )
    while chunk := list(islice(reader, 997)):
        parts.append(one.normalize(chunk, again=reader.again))
    whole = joined(parts)
    assert whole.record_count == (
        len(whole.rows) + len(whole.set_aside) + whole.not_consented_count
    )
    return whole


def rows(batch: Batch) -> list[dict]:
    return [unpacked(row) for row in batch.rows]
