"""The order, the splitting and the repetition of deliveries change nothing."""

import random
from datetime import timedelta

import pytest

from orchestration.raw.groups import load_group
from orchestration.warehouse.connection import connect
from orchestration.warehouse.digest import digest_table
from tests.warehouse.made_events import NOON, batch, read_file, row

CONFLICT_COLUMNS = {"source", "outcome", "event_key", "event_id", "payload_hash"}


def copies(generator: random.Random) -> list[tuple]:
    """Copies of forty events: other times of receipt and sending, other payloads."""
    made = []
    for number in range(40):
        for _ in range(generator.choice([1, 1, 2, 3, 6])):
            payload = generator.choice("xyz")
            received = generator.choice([None, *range(4)])
            sent = generator.choice([None, *range(3)])
            made.append(
                row(
                    f"id {number}",
                    payload=payload,
                    # What a row says follows from its payload and its stamps.
                    minutes=number * 300 + "xyz".index(payload) * 2000,
                    received_at=None
                    if received is None
                    else NOON + timedelta(seconds=received),
                    sent_at=None if sent is None else NOON + timedelta(seconds=sent),
                )
            )
    return made


def deliver(url: str, rows: list[tuple], generator: random.Random) -> None:
    """Load rows one to five times in files, chunks and groups of random sizes."""
    delivered = [made for made in rows for _ in range(generator.randint(1, 5))]
    generator.shuffle(delivered)
    files = []
    while delivered:
        size = generator.randint(1, 40)
        file_rows, delivered = delivered[:size], delivered[size:]
        middle = generator.randint(0, len(file_rows))
        files.append(
            read_file(
                f"file {len(files)}",
                batch(*file_rows[:middle]),
                batch(*file_rows[middle:]),
            )
        )
    while files:
        size = generator.randint(1, 3)
        group, files = files[:size], files[size:]
        load_group(url, "web", group)


def truth(url: str) -> tuple:
    """What must not depend on how the events were delivered, and that it adds up."""
    with connect(url, application_name="tests") as connection:
        assert not connection.execute(
            "select * from ops.conservation() where difference <> 0"
        ).fetchall()
        assert not connection.execute(
            "select * from ops.conservation_by_day() where difference <> 0"
        ).fetchall()
        columns = connection.execute("select * from raw.set_aside").description or ()
        ignored = {column.name for column in columns} - CONFLICT_COLUMNS
        return (
            digest_table(connection, "raw.events", ignoring={"load_id"}),
            digest_table(connection, "raw.event_keys"),
            digest_table(
                connection,
                "raw.set_aside",
                ignoring=ignored,
                where="outcome = 'conflict'",
            ),
        )


def clear(url: str) -> None:
    with connect(url, application_name="tests") as connection:
        connection.execute(
            "truncate raw.events, raw.event_keys, raw.set_aside, ops.loads cascade"
        )


@pytest.mark.parametrize("seed", range(4))
def test_any_delivery_of_the_same_copies_leaves_the_same_tables(database, seed):
    generator = random.Random(seed)
    rows = copies(generator)
    load_group(database, "web", [read_file("all", batch(*rows))])
    expected = truth(database)
    assert expected[0].row_count == 40
    assert expected[2].row_count > 10

    for _ in range(4):
        clear(database)
        deliver(database, rows, generator)
        assert truth(database) == expected


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 150))
def test_a_thousand_deliveries_leave_the_same_tables(database, seed):
    generator = random.Random(seed)
    rows = copies(generator)
    load_group(database, "web", [read_file("all", batch(*rows))])
    expected = truth(database)

    for _ in range(20):
        clear(database)
        deliver(database, rows, generator)
        assert truth(database) == expected
