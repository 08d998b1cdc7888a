"""The simulated files under the real contracts: only planted trouble is set aside."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from orchestration.raw.contracts import Contracts
from orchestration.raw.normalize import Normalizer
from orchestration.raw.sources import load_sources
from orchestration.simulation.malformed import BATCH_KINDS, KINDS
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import Troubles, World
from tests.unit.normalizing import both_ways
from tests.unpacking import rows_of

pytestmark = pytest.mark.thorough

REGISTRY = Path(__file__).resolve().parents[2] / "registry"
WORLD = World(
    seed=5,
    persons=300,
    days=4,
    start_on=date(2026, 10, 22),
    activity=0.5,
    troubles=Troubles(malformed=0.02, test_accounts=0.02, extra_properties=0.0),
)
ARRIVED_AT = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def contracts():
    return Contracts(REGISTRY / "contracts")


def normalised(path, source, contracts):
    normalizer = Normalizer(
        source=source,
        contracts=contracts,
        timezone="UTC",
        pseudonym_key=b"k" * 32,
        now=ARRIVED_AT,
        retention_floor=date(2025, 1, 1),
        arrived_at=ARRIVED_AT,
        row_allowance=None,
    )
    short, long = both_ways(path.read_bytes(), normalizer, kind=source.format)
    assert short == long
    return short


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, contracts):
    home = tmp_path_factory.mktemp("simulated")
    simulate(WORLD, home / "landing", home / "truth")
    sources = load_sources(REGISTRY / "sources")
    batches = {
        name: [
            normalised(path, source, contracts)
            for path in sorted((home / "landing" / name).glob("*"))
        ]
        for name, source in sources.items()
    }
    return home / "truth", batches


def test_what_is_set_aside_is_what_was_planted(loaded):
    truth, batches = loaded
    planted = pl.read_parquet(truth / "malformed.parquet")
    for source in ("web", "mobile"):
        expected = planted.filter(pl.col("source") == source)["record_count"].sum()
        found = sum(len(batch.set_aside) for batch in batches[source])
        assert found == expected > 10, source
    for source in ("legacy", "access_log"):
        assert sum(len(batch.set_aside) for batch in batches[source]) == WORLD.days
    assert not [one for batch in batches["server"] for one in batch.set_aside]


def test_refused_consent_is_counted_and_not_kept(loaded):
    truth, batches = loaded
    refused = pl.read_parquet(truth / "deliveries_daily.parquet").filter(
        ~pl.col("has_consent")
    )
    expected = dict(
        refused.group_by("source").agg(pl.col("record_count").sum()).iter_rows()
    )
    found = Counter()
    for source, parts in batches.items():
        found[source] += sum(batch.not_consented_count for batch in parts)
    assert +found == expected


def test_nothing_else_violates_a_contract(loaded):
    _, batches = loaded
    names = {
        row.event_name
        for parts in batches.values()
        for batch in parts
        for row in batch.rows
        if row.has_violation
    }
    assert not names


def test_flags_and_labels_are_those_of_the_truth(loaded):
    truth, batches = loaded
    deliveries = pl.read_parquet(truth / "deliveries_daily.parquet").filter(
        "has_consent"
    )
    days = (pl.col("received_on") - pl.col("occurred_on")).dt.total_days()
    label = (
        pl.when(days <= 0)
        .then(pl.lit("on_time"))
        .when(days <= 3)
        .then(pl.lit("late"))
        .otherwise(pl.lit("too_late"))
    )
    for source in ("web", "mobile", "server"):
        mine = deliveries.filter(pl.col("source") == source)
        labels = dict(
            mine.group_by(label).agg(pl.col("record_count").sum()).iter_rows()
        )
        rows = [row for batch in batches[source] for row in rows_of(batch)]
        assert Counter(row["lateness"] for row in rows) == labels
        future = mine.filter("is_clock_future")["record_count"].sum()
        assert sum(row["is_clock_future"] for row in rows) == future


def test_robots_and_tests_are_told_by_their_own_marks(loaded):
    truth, batches = loaded
    devices = pl.read_parquet(truth / "devices.parquet")
    robots = set(devices.filter(pl.col("kind") == "bot")["device_id"])
    tests = set(devices.filter("is_test")["device_id"])
    rows = [
        row
        for name in ("web", "mobile")
        for batch in batches[name]
        for row in rows_of(batch)
    ]
    assert {row["device_id"] for row in rows if row["is_bot"]} == robots
    found = {row["device_id"] for row in rows if row["is_test"]}
    assert found
    assert found <= tests


@pytest.mark.parametrize(("kind", "line"), KINDS, ids=[kind for kind, _ in KINDS])
def test_every_malformed_kind_is_set_aside_once(kind, line, contracts, tmp_path):
    source = load_sources(REGISTRY / "sources")["web"]
    path = tmp_path / "web.ndjson"
    path.write_bytes(line + b"\n")
    batch = normalised(path, source, contracts)
    assert (len(batch.rows), len(batch.set_aside)) == (0, 1), kind


def test_batches_hold_only_what_parses_as_json():
    assert 5 < len(BATCH_KINDS) < len(KINDS)
