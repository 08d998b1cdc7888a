"""Sessions and person days equal a walk through the events, however they arrived."""

import random
from datetime import timedelta

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
from tests.warehouse.reference_engagement import RULES
from tests.warehouse.reference_sessions import (
    person_day_rows,
    session_rows,
)

MODELS = ("+sessions", "+person_days")
TABLES = ("marts.sessions", "marts.person_days", "intermediate.int_events_sessionized")
NAMES = (
    "page_view",
    "page_view",
    "click",
    "conversion",
    "error_occurred",
    "chat_started",
    "notification_sent",
    "heartbeat",
)
BACKGROUND = ("notification_sent", "heartbeat")
# Gaps at, around and far beyond both limits, ties included.
GAPS = (0, 0, 1, 9, 10, 60, 600, 1799, 1800, 1801, 3600, 40_000, 90_000)


def history(chance, *, devices=4, events=40, mixed=False):
    """Events of a few devices: one excluded, one without rest, with shared users."""
    made = []
    for number in range(devices):
        moment = at(hours=chance.randrange(48))
        restless = number == devices - 1
        bot = number == 0
        user = None
        for index in range(events * (3 if restless else 1)):
            gap = 1500 if restless else chance.choice(GAPS)
            moment += timedelta(seconds=gap)
            name = chance.choice(NAMES)
            if gap and chance.random() < 0.1:
                user = chance.choice([None, "u1", "u2", "u3"])
            made.append(
                Event(
                    event_id=f"e{number}-{index}",
                    occurred_at=moment,
                    event_name=name,
                    source=chance.choice(["web", "app"]),
                    source_sequence=chance.choice([None, index]),
                    device_id=f"d{number}",
                    user_id=user,
                    client_session_id=chance.choice([None, "c1", "c2"]),
                    page_url=chance.choice([None, "https://a.example/"]),
                    page_path=f"/{chance.randrange(3)}",
                    is_interactive=name not in BACKGROUND,
                    properties=chance.choice([{}, {"slot_seconds": 30}]),
                    is_bot=chance.random() < 0.3 if mixed else bot,
                )
            )
    return made


def assert_sessions_match(connection, events):
    rows = connection.execute("select * from marts.sessions")
    columns = [column.name for column in rows.description]
    found = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    expected = {row["session_id"]: row for row in session_rows(events)}
    connection.commit()
    assert found.keys() == expected.keys()
    for session_id, row in expected.items():
        assert {name: found[session_id][name] for name in row} == row


def assert_person_days_match(connection, events):
    rows = connection.execute(
        "select day, person_id, user_id, device_id, event_count, "
        "interactive_event_count, view_count, conversion_count, error_count, is_active "
        "from marts.person_days"
    ).fetchall()
    connection.commit()
    expected = {
        (
            day,
            person,
            row["owner"],
            row["device"],
            row["event_count"],
            row["interactive_event_count"],
            row["view_count"],
            row["conversion_count"],
            row["error_count"],
            bool(row["any_interactive"]),
        )
        for (day, person), row in person_day_rows(events).items()
    }
    assert set(rows) == expected


@pytest.mark.parametrize(
    "seed", [0, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 3)]]
)
def test_incremental_builds_equal_brute_force_and_a_full_refresh(
    seed, database, connection
):
    chance = random.Random(seed)
    define(connection, "engagement", "engagement", RULES, ())
    events = history(chance)
    arrived, known = [], set()
    for batch in shuffled_batches(events, count=3, chance=chance):
        load(connection, batch)
        build(connection, url=database, select=MODELS)
        arrived += batch
        assert_sessions_match(connection, arrived)
        assert_person_days_match(connection, arrived)
        known |= session_ids(arrived)
        assert_every_key_leads_to_a_session(connection, known, arrived)

    gone = chance.sample(events, k=len(events) // 10)
    remove(connection, gone)
    build(connection, url=database, select=MODELS)
    assert_sessions_match(connection, [item for item in events if item not in gone])
    assert_person_days_match(connection, [item for item in events if item not in gone])

    incremental = [table_rows(connection, table) for table in TABLES]
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in TABLES] == incremental


def session_ids(events):
    return {row["session_id"] for row in session_rows(events)}


def assert_every_key_leads_to_a_session(connection, known, events):
    """Follow the log from every key there ever was, while nothing is removed."""
    with connection.transaction():
        log = connection.execute(
            "select old_session_id, new_session_id from ops.session_changes"
        ).fetchall()
    current = session_ids(events)
    reached, led = set(), current
    while led - reached:
        reached |= led
        led = {old for old, new in log if new in reached}
    assert known <= reached


def logged(connection):
    with connection.transaction():
        return connection.execute(
            "select reason, old_started_at, new_started_at "
            "from ops.session_changes order by old_started_at, new_started_at"
        ).fetchall()


def test_late_events_that_replace_a_session_are_logged_with_why(database, connection):
    first = [Event("a", at()), Event("b", at(minutes=50)), Event("c", at(hours=5))]
    load(connection, first)
    build(connection, url=database, select=["+sessions"])
    assert logged(connection) == []
    # Between the first two, and before the third.
    bridge = [Event("d", at(minutes=25)), Event("e", at(hours=4, minutes=50))]
    load(connection, bridge)
    build(connection, url=database, select=["+sessions"])
    assert logged(connection) == [
        ("merged", at(minutes=50), at()),
        ("extended earlier", at(hours=5), at(hours=4, minutes=50)),
    ]
    # Without the bridge they part again, and what led to the early one leads nowhere.
    remove(connection, [*bridge, first[2]])
    build(connection, url=database, select=["+sessions"])
    assert logged(connection) == [
        ("split", at(), at(minutes=50)),
        ("merged", at(minutes=50), at()),
    ]


def test_excluded_events_neither_open_nor_extend_a_session(database, connection):
    define(connection, "engagement", "engagement", RULES, ())
    events = history(random.Random(11), mixed=True)
    load(connection, events)
    build(connection, url=database, select=["+sessions"])
    assert_sessions_match(connection, events)


def test_a_gap_of_exactly_thirty_minutes_continues_a_session(database, connection):
    load(
        connection,
        [
            Event("a", at()),
            Event("b", at(minutes=30)),
            Event("c", at(minutes=60, microseconds=1)),
        ],
    )
    build(connection, url=database, select=["+sessions"])
    assert counts(connection) == [2, 1]


def test_a_session_is_cut_by_the_first_event_more_than_a_day_after_its_start(
    database, connection
):
    load(connection, [Event(f"e{i:03}", at(minutes=30 * i)) for i in range(101)])
    build(connection, url=database, select=["+sessions"])
    # 0:00 to 24:00 inclusive are 49 events; 24:30 to 48:30 are 49 more.
    assert counts(connection) == [49, 49, 3]


def test_a_background_event_extends_nothing_and_joins_within_thirty_minutes(
    database, connection
):
    quiet = {"is_interactive": False, "event_name": "notification_sent"}
    load(
        connection,
        [
            Event("early", at(minutes=-1), **quiet),
            Event("a", at()),
            Event("joined", at(minutes=30), **quiet),
            Event("late", at(minutes=30, seconds=1), **quiet),
            Event("b", at(minutes=31)),
        ],
    )
    build(connection, url=database, select=["+sessions"])
    assert counts(connection) == [2, 1]


def counts(connection):
    rows = connection.execute(
        "select event_count from marts.sessions order by started_at"
    ).fetchall()
    connection.commit()
    return [count for (count,) in rows]
