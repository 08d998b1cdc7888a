"""Buckets of a minute hold what happened, and every event counts as what it is."""

import random
from collections import Counter

import pytest

from tests.warehouse.definitions import define
from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    remove,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.reference_engagement import RULES, counted_class, exceptions

MODELS = (
    "+activity_buckets",
    "+person_days",
    "+person_events_daily",
    "+person_sessions_daily",
)
TABLES = (
    "intermediate.int_events_reclassed",
    "marts.activity_buckets",
    "marts.person_events_daily",
    "marts.person_sessions_daily",
)
CARD = {"interaction_type": "view", "duration_seconds": 30, "scroll_depth": 50.0}
LOOK = {"interaction_type": "view", "duration_seconds": 31, "scroll_depth": 50}
LIKE = {"interaction_type": "like"}


@pytest.fixture
def warehouse(connection):
    """A warehouse whose registry says what a hover is."""
    define(connection, "engagement", "engagement", RULES, ())
    return connection


def card(name, moment, properties, **given):
    """An event of the card of a thing."""
    return Event(
        name,
        moment,
        event_name="click" if properties is None else "interaction",
        properties=properties or {},
        **{"occasion_id": "o1", **given},
    )


def history(chance, count=150):
    """Cards crossed, liked and clicked within moments, pages shown twice, sales."""
    made = []
    for index in range(count):
        moment = at(days=chance.randrange(3), milliseconds=500 * chance.randrange(20))
        given = {
            "device_id": chance.choice(["d1", "d2", None]),
            "user_id": chance.choice([None, "u1"]),
            "is_bot": chance.random() < 0.1,
        }
        made.append(
            chance.choice(
                [
                    card(
                        f"e{index:03}",
                        moment,
                        chance.choice([CARD, CARD, LOOK, LIKE, None]),
                        occasion_id=chance.choice(["o1", "o2", None]),
                        **given,
                    ),
                    Event(
                        f"e{index:03}",
                        moment,
                        page_url=chance.choice([None, "https://a.example/"]),
                        source_sequence=chance.choice([None, index]),
                        **given,
                    ),
                    Event(
                        f"e{index:03}",
                        moment,
                        event_name="conversion",
                        value_minor=chance.choice([None, 0, index]),
                        currency=chance.choice(["EUR", "USD"]),
                        properties={"conversion_type": chance.choice(["a", "b"])},
                        **given,
                    ),
                ]
            )
        )
    return made


def assert_buckets_match(connection, events):
    classes = exceptions(events)
    expected, values = Counter(), Counter()
    for event in events:
        if event.is_excluded:
            continue
        is_sale = event.event_name == "conversion"
        key = (
            event.occurred_on,
            event.occurred_at.replace(second=0, microsecond=0),
            event.event_name,
            counted_class(event, classes),
            event.properties["conversion_type"] if is_sale else "",
            event.currency if is_sale else "",
        )
        expected[key] += 1
        values[key] += event.value_minor or 0
    with connection.transaction():
        rows = connection.execute("select * from marts.activity_buckets").fetchall()
    assert {row[:6]: row[6:] for row in rows} == {
        key: (count, values[key]) for key, count in expected.items()
    }


@pytest.mark.parametrize("seed", range(2))
def test_buckets_equal_brute_force_in_any_order_of_arrival(seed, database, warehouse):
    chance = random.Random(seed)
    events = history(chance)
    arrived = []
    for batch in shuffled_batches(events, count=2, chance=chance):
        load(warehouse, batch)
        arrived += batch
        build(warehouse, url=database, select=MODELS)
        assert_buckets_match(warehouse, arrived)
    assert set(exceptions(events).values()) == {"double_view", "impression"}

    gone = chance.sample(events, k=15)
    remove(warehouse, gone)
    build(warehouse, url=database, select=MODELS)
    assert_buckets_match(warehouse, [event for event in events if event not in gone])

    incremental = [table_rows(warehouse, table) for table in TABLES]
    build(warehouse, url=database, select=MODELS, is_full=True)
    assert [table_rows(warehouse, table) for table in TABLES] == incremental


def test_what_a_passing_pointer_sends_is_an_impression(database, warehouse):
    load(
        warehouse,
        [
            # Crossed, and nothing else: the card says 30 seconds at once.
            card("crossed", at(), CARD),
            card("told", at(seconds=1), LIKE),
            # Long enough after the hover to be meant.
            card("meant", at(seconds=2), LIKE),
            # A click within a second says that somebody was there.
            card("pointed", at(minutes=1), CARD),
            card("clicked", at(minutes=1, milliseconds=900), None),
            # A real look, at the same time another card is crossed.
            card("looked", at(minutes=2), LOOK),
            card("other", at(minutes=2), CARD, occasion_id="o2"),
            # Another device's hover says nothing of this one.
            card("elsewhere", at(minutes=3), CARD, device_id="d2"),
            card("here", at(minutes=3), LIKE),
        ],
    )
    build(warehouse, url=database, select=MODELS)
    with warehouse.transaction():
        found = warehouse.execute(
            "select event_id from intermediate.int_events_reclassed "
            "where counted_class = 'impression' order by 1"
        ).fetchall()
        (interactions,) = warehouse.execute(
            "select sum(interaction_count)::int from marts.person_days"
        ).fetchone()
    assert [name for (name,) in found] == ["crossed", "elsewhere", "other", "told"]
    assert interactions == 9 - len(found)
