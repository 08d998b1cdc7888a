"""The simulated app, day after day, ends as if it had been read once, at the end."""

from pathlib import Path

import pytest

from orchestration.registry.reading import load_registry
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from tests.warehouse.made_app import count, extract

ROOT = Path(__file__).parents[2]


@pytest.fixture
def entry():
    return load_registry(ROOT / "registry").entry("app_source", "app")


def test_day_after_day_equals_once_at_the_end(
    database, connection, empty_database, tmp_path, entry
):
    for days in (9, 10, 12):
        world = World(persons=300, days=days)
        written = simulate(world, tmp_path / str(days), None, empty_database).app
        report = extract(database, empty_database, entry, sweep=True)
        assert report.load_id is not None
        assert extract(database, empty_database, entry).load_id is None
    # Reading everything compares every row by hash and misses none: all is as it was.
    again = extract(database, empty_database, entry, whole=True)
    assert again.load_id is None
    assert again.tables["bookings"].read == written["bookings"] > 10
    current = count(connection, "raw.app_bookings", "valid_to is null")
    assert current == written["bookings"]
    assert count(connection, "raw.app_bookings") > current
