"""How resources are used and how popular they are, against counting event by event."""

import random
from collections import Counter, defaultdict
from decimal import Decimal

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
from tests.warehouse.reference_engagement import RULES, events_by_person
from tests.warehouse.test_provider_views import publish_all, seen

TABLE = "marts.resource_uses_daily"
SELECT = ("+resource_uses_daily",)
USES = ("view", "view", "download", "complete")


def history(chance, count=120):
    """Uses of three resources over forty days, other events between them."""
    devices = [chance.randrange(6) for _ in range(count)]
    return [
        Event(
            event_id=f"e{number}",
            occurred_at=at(days=chance.randrange(40), seconds=chance.randrange(86_400)),
            event_name=chance.choice(["resource_used"] * 4 + ["custom.resource_used"]),
            device_id=f"d{device}",
            user_id=chance.choice([None, None, f"u{device % 4}"]),
            is_bot=device == 0,
            properties={
                "resource_id": f"r{chance.randrange(3)}",
                "use": chance.choice(USES),
            },
        )
        for number, device in enumerate(devices)
    ]


def uses_of(events):
    """Return uses by day, resource and person."""
    found = defaultdict(Counter)
    for person, theirs in events_by_person(events).items():
        for event in theirs:
            if event.event_name == "resource_used":
                said = event.properties
                key = (event.occurred_on, said["resource_id"], person)
                found[key][said["use"]] += 1
    return found


def popularity_of(events, *, day, half_life):
    """Return what readers see of each resource on a day."""
    found = defaultdict(lambda: [Counter(), defaultdict(set), Decimal(0)])
    for (used_on, resource, person), uses in uses_of(events).items():
        if used_on > day:
            continue
        counts, persons, _ = found[resource]
        counts.update(uses)
        for use in uses:
            persons[use].add(person)
        weight = Decimal(2) ** (-Decimal((day - used_on).days) / half_life)
        found[resource][2] += sum(uses.values()) * weight
    return found


def assert_as_counted(events, connection):
    rows = connection.execute(
        f"select day, resource_id, person_id, view_count, download_count, "
        f"completion_count from {TABLE}"
    ).fetchall()
    connection.commit()
    names = ("view", "download", "complete")
    assert {row[:3]: row[3:] for row in rows} == {
        key: tuple(uses[name] for name in names)
        for key, uses in uses_of(events).items()
    }


def test_uses_equal_brute_force_however_they_arrive(database, connection):
    chance = random.Random(3)
    events, arrived = history(chance), []
    for batch in shuffled_batches(events, count=2, chance=chance):
        load(connection, batch)
        arrived += batch
        build_id = build(connection, url=database, select=SELECT)
        assert_as_counted(arrived, connection)
    gone = [event for event in events if event.occurred_on == events[0].occurred_on]
    remove(connection, gone)
    rest = [event for event in events if event not in gone]
    build_id = build(connection, url=database, select=SELECT)
    assert_as_counted(rest, connection)
    check_popularity(connection, build_id, rest)
    before = table_rows(connection, TABLE)
    build(connection, url=database, select=SELECT, is_full=True)
    assert table_rows(connection, TABLE) == before


def check_popularity(connection, build_id, events):
    """Old uses fade, those after the watermark's day do not count yet."""
    define(connection, "engagement", "engagement", RULES, ())
    publish_all(
        connection,
        build_id,
        through=at(days=30),
        tables={"resource_uses_daily"},
        views={"resource_popularity"},
    )
    expected = popularity_of(events, day=at(days=30).date(), half_life=7)
    rows = seen(connection, "select * from published.resource_popularity")
    assert sorted(row.resource_id for row in rows) == sorted(expected)
    for row in rows:
        counts, persons, weight = expected[row.resource_id]
        assert row.view_count == counts["view"]
        assert row.download_count == counts["download"]
        assert row.completion_count == counts["complete"]
        assert row.person_count == len(set().union(*persons.values()))
        assert row.viewer_count == len(persons["view"])
        finishers = persons["view"] & persons["complete"]
        assert row.finisher_count == len(finishers)
        rate = Decimal(len(finishers)) / len(persons["view"])
        assert row.completion_rate == round(rate, 8)
        assert abs(row.popularity - weight) < Decimal("1e-9")
    order = sorted(rows, key=lambda row: -row.popularity)
    assert [row.popularity_rank for row in order] == [1, 2, 3]
