"""Loads at the same time: one waits, none loads twice, none is lost."""

import multiprocessing
import random
import threading
import time
from datetime import timedelta
from functools import partial

import pytest

from orchestration.raw.groups import load_group
from orchestration.raw.partitions import create_partitions, partition_days
from orchestration.raw.records import EVENT_COLUMNS
from orchestration.warehouse.connection import connect
from tests.warehouse.landing_world import World, event, ndjson
from tests.warehouse.made_events import NOON, batch, load, read_file, row

_FORKS = multiprocessing.get_context("fork")


def race(*functions):
    """Run functions at the same moment in processes of their own; all must succeed."""
    barrier = _FORKS.Barrier(len(functions))

    def run(function):
        barrier.wait()
        function()

    racers = [_FORKS.Process(target=run, args=(function,)) for function in functions]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0] * len(functions)


def race_loaders(world, connection, races):
    """Let two or three loaders race for new files of two sources, on new days."""
    for number in range(races):
        month, day = 1 + number // 28 % 12, 1 + number % 28
        made = [
            event(
                f"{number} {index}", occurred_at=f"2025-{month:02}-{day:02}T12:00:00Z"
            )
            for index in range(60)
        ]
        for source in ("web", "mobile"):
            world.put(f"{source}/{number} first.ndjson", ndjson(*made[:40]))
            world.put(f"{source}/{number} again.ndjson", ndjson(*made[20:]))
            world.put(f"{source}/{number} alias.ndjson", ndjson(*made[:40]))
        race(*[world.load] * (2 + number % 2))

        expected = (number + 1) * 60
        assert connection.execute(
            "select source, row_count, difference from ops.conservation() order by 1"
        ).fetchall() == [
            ("mobile", expected, 0),
            ("web", expected, 0),
            (None, 2 * expected, 0),
        ]
        assert connection.execute(
            "select count(*), count(*) filter (where status = 'alias') from ops.files"
        ).fetchone() == ((number + 1) * 6, (number + 1) * 2)
        assert connection.execute(
            "select count(*) from ops.loads where kind = 'file'"
        ).fetchone() == ((number + 1) * 4,)
        connection.rollback()


@pytest.fixture
def world(database, tmp_path):
    world = World(database, tmp_path)
    world.source("mobile")
    return world


def test_two_loaders_on_one_inbox_load_every_file_once(world, connection):
    race_loaders(world, connection, 10)


@pytest.mark.long
def test_two_hundred_races_of_loaders_load_every_file_once(world, connection):
    race_loaders(world, connection, 200)


def better_copies(generator, number, *, at_least):
    """Copies of twenty events of one day, received some seconds after noon."""
    return [
        row(
            f"{number} {index}",
            payload=generator.choice("xyz"),
            received_at=NOON + timedelta(seconds=at_least + generator.randrange(5)),
        )
        for index in range(20)
    ]


def race_replacements(database, connection, races):
    """Let two loads at once replace the rows of one day by better copies."""
    generator = random.Random(races)
    rank = EVENT_COLUMNS.index("received_at"), EVENT_COLUMNS.index("payload_hash")
    key = EVENT_COLUMNS.index("event_key")
    winners, payloads = {}, set()
    for number in range(races):
        stored, *rivals = (
            better_copies(generator, number, at_least=at_least)
            for at_least in (10, 0, 3)
        )
        load(database, f"{number} stored", batch(*stored))
        race(
            *(
                partial(load, database, f"{number} rival {at}", batch(*rows))
                for at, rows in enumerate(rivals)
            )
        )
        for made in [*stored, *rivals[0], *rivals[1]]:
            standing = tuple(made[place] for place in rank)
            winners[made[key]] = min(winners.get(made[key], standing), standing)
            payloads.add((made[key], standing[1]))
    assert connection.execute(
        "select event_key, received_at, payload_hash from raw.events order by 1"
    ).fetchall() == sorted((event, *standing) for event, standing in winners.items())
    lost = payloads - {(event, payload) for event, (_, payload) in winners.items()}
    assert connection.execute(
        "select event_key, payload_hash from raw.set_aside where outcome = 'conflict'"
        " order by 1, 2"
    ).fetchall() == sorted(lost)
    for law in ("ops.conservation()", "ops.conservation_by_day()"):
        assert not connection.execute(
            f"select * from {law} where difference <> 0"
        ).fetchall()


def test_two_replacements_of_one_day_leave_the_best_copy_of_every_event(
    database, connection
):
    race_replacements(database, connection, 5)


@pytest.mark.long
def test_two_hundred_races_of_replacements_leave_the_best_copies(database, connection):
    race_replacements(database, connection, 200)


def test_partitions_are_created_once_however_many_ask(database, connection):
    days = [(NOON.replace(day=day)).date() for day in range(1, 29)]
    race(*[lambda: create_partitions(database, days)] * 4)
    assert partition_days(connection) == set(days)


def test_a_load_that_commits_later_than_it_began_loses_nothing(database, connection):
    """Load 1 begins, load 2 of another source begins and commits, load 1 commits."""
    file = read_file("slow", batch(row("a")))

    def rest():
        load(database, "quick", batch(row("b", source="mobile")), source="mobile")
        yield batch(row("c", minutes=1440))

    file.rest = rest()
    load_group(database, "web", [file])

    assert connection.execute(
        "select source, load_id, occurred_on::text, settled_by from ops.touched_days"
        " inner join ops.loads using (load_id) order by touched_id"
    ).fetchall() == [
        ("mobile", 2, "2026-01-05", None),
        ("web", 1, "2026-01-05", None),
        ("web", 1, "2026-01-06", None),
    ]


def test_a_load_waits_for_a_build_and_then_goes_on(database):
    loader = threading.Thread(target=load, args=(database, "one", batch(row("a"))))
    with connect(database, application_name="a build", autocommit=True) as build:
        build.execute("select pg_advisory_lock(hashtext('daybook.truth'))")
        loader.start()
        time.sleep(0.5)
        assert loader.is_alive()
        assert build.execute("select count(*) from ops.loads").fetchone() == (0,)
        build.execute("select pg_advisory_unlock(hashtext('daybook.truth'))")
        loader.join(20)
        assert build.execute("select count(*) from raw.events").fetchone() == (1,)


def test_readers_are_not_locked_out_while_a_load_creates_partitions(database):
    load(database, "one", batch(row("a")))
    with connect(database, application_name="a report") as reader:
        reader.execute("select count(*) from raw.events")
        # Its snapshot is open; `create table … partition of` would wait for it.
        load(database, "two", batch(row("b", minutes=1440)))
        reader.execute("set lock_timeout = '1s'")
        assert reader.execute("select count(*) from raw.events").fetchone() == (2,)
