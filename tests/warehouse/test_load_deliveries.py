"""The same events as other files: cut, packed, renamed, repeated, in any order."""

import json
import random

import pytest
import zstandard

from orchestration.warehouse.connection import connect
from orchestration.warehouse.digest import digest_table
from tests.warehouse.landing_world import World, event, ndjson, packed

PACKINGS = {
    "": lambda content: content,
    ".gz": packed,
    ".zst": zstandard.ZstdCompressor().compress,
}
SHAPES = {
    ".ndjson": lambda events: ndjson(*events),
    ".json": lambda events: json.dumps(events).encode(),
    " batch.json": lambda events: json.dumps({"events": events}).encode(),
}


def made_events(generator):
    """Three hundred copies of a hundred events, with other payloads and stamps."""
    for number in range(100):
        for _ in range(generator.choice([1, 2, 3, 6])):
            second = generator.randrange(4)
            yield event(
                f"id {number}",
                occurred_at=f"2026-01-{1 + number % 9:02}T12:00:00Z",
                received_at=f"2026-01-09T12:00:0{second}Z",
                page_url=f"https://example.com/{generator.choice('ab')}",
                device_id=f"d{number % 7}",
                properties={"position": generator.choice([1, 2.5])},
            )


def deliver(world, events, generator):
    """Lay the events down in files of random shapes; load after every few of them."""
    delivered = [made for made in events for _ in range(generator.randint(1, 5))]
    generator.shuffle(delivered)
    number = 0
    while delivered:
        size = generator.randint(1, 120)
        part, delivered = delivered[:size], delivered[size:]
        shape = generator.choice(list(SHAPES))
        packing = generator.choice(list(PACKINGS))
        content = PACKINGS[packing](SHAPES[shape](part))
        for copy in range(generator.choice([1, 1, 2])):
            world.put(f"web/{number} {copy}{shape}{packing}", content)
        number += 1
        if generator.random() < 0.3:
            world.load()
    world.load()


def truth(url):
    with connect(url, application_name="tests") as connection:
        for check in ("conservation", "conservation_by_day"):
            rows = connection.execute(f"select difference from ops.{check}()")
            assert {difference for (difference,) in rows.fetchall()} == {0}
        conflicts = connection.execute(
            "select event_key, payload_hash from raw.set_aside order by 1, 2"
        ).fetchall()
        return (
            digest_table(connection, "raw.events", ignoring={"load_id"}),
            digest_table(connection, "raw.event_keys"),
            conflicts,
        )


def assert_deliveries_agree(url, folder, *, seed, deliveries):
    generator = random.Random(seed)
    events = list(made_events(generator))
    truths = []
    for number in range(deliveries + 1):
        with connect(url, application_name="tests") as connection:
            connection.execute(
                "truncate raw.events, raw.event_keys, raw.set_aside, ops.loads cascade"
            )
        world = World(url, folder / str(number))
        if number == 0:
            world.put("web/all.ndjson", ndjson(*events))
            world.load()
        else:
            deliver(world, events, generator)
        truths.append(truth(url))
    assert truths[0][0].row_count == 100
    assert len(truths[0][2]) > 10
    for found in truths[1:]:
        assert found == truths[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_files_in_any_shape_and_order_leave_the_same_tables(database, tmp_path, seed):
    assert_deliveries_agree(database, tmp_path, seed=seed, deliveries=2)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_two_hundred_deliveries_leave_the_same_tables(database, tmp_path, seed):
    assert_deliveries_agree(database, tmp_path, seed=seed, deliveries=10)
