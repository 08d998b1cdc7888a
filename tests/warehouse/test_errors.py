"""Groups of errors and failures to log in, against a count by hand."""

import random
from collections import Counter, defaultdict

from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    remove,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.reference_sessions import (
    find_sessions,
    hashed_key,
    owner_by_event,
)

TABLES = ("marts.errors_met", "marts.logins_daily")
MODELS = ("+errors_met", "+logins_daily")
# Alike inside a line: ids, numbers and lines of code differ.
GROUPS = (
    (
        {"error_type": "TypeError", "message": "x of 17 is undefined"},
        {"error_type": "TypeError", "message": "x of 4 is  undefined"},
    ),
    (
        {"message": "no booking 6f1c2d3e-0000-4000-8000-0123456789ab"},
        {"message": "no booking 00000000-1111-4222-8333-abcdefabcdef"},
    ),
    (
        {"error_type": "TypeError", "message": "a", "stack": "a\n at f (a.js:1:2)"},
        {"error_type": "TypeError", "message": "b", "stack": "b\n at f (a.js:9:8)"},
    ),
    ({"error_type": "TypeError", "message": "a", "stack": "a\n at g (a.js:1:2)"},),
    ({"error_type": "RangeError", "message": "x of 17 is undefined"},),
)


def history(chance, count=150):
    """Errors, logins and views of five devices over three days."""
    made = []
    for index in range(count):
        name = chance.choice(["error_occurred", "login_attempt", "page_view"])
        properties = {}
        if name == "error_occurred":
            group = chance.randrange(len(GROUPS))
            release = chance.choice([{}, {"release": "1.2"}])
            properties = chance.choice(GROUPS[group]) | release
        elif name == "login_attempt":
            properties = chance.choice(
                [
                    {"outcome": "success", "method": "password"},
                    {"outcome": "failure", "failure_reason": "wrong"},
                    {"outcome": "failure", "method": "password"},
                ]
            )
        device = chance.randrange(5)
        made.append(
            Event(
                event_id=f"e{index:03}",
                occurred_at=at(days=chance.randrange(3), minutes=chance.randrange(400)),
                event_name=name,
                device_id=f"d{device}",
                user_id=chance.choice([None, None, "u1", "u2"]),
                is_bot=device == 4,
                properties=properties,
            )
        )
    return made


def group_of(event):
    given = {k: v for k, v in event.properties.items() if k != "release"}
    return next(index for index, group in enumerate(GROUPS) if given in group)


def expected_errors(events):
    """Return errors, persons and sessions by day, group and release."""
    sessions = {
        id(event): (session.device_id, session.started_at)
        for session in find_sessions(events)
        for event in session.events
    }
    owners = owner_by_event(events)
    found = defaultdict(lambda: (Counter(), set()))
    for event in events:
        if event.event_name != "error_occurred" or event.is_excluded:
            continue
        owner = event.user_id or owners.get(event.event_id)
        person = (
            hashed_key("user", owner)
            if owner
            else hashed_key("device", event.device_id)
        )
        release = event.properties.get("release", "")
        persons, met = found[event.occurred_on, group_of(event), release]
        persons[person] += 1
        met.add(sessions[id(event)])
    return sorted(
        (day, release, sorted(persons.items()), len(met))
        for (day, _, release), (persons, met) in found.items()
    )


def stored_errors(connection):
    rows = connection.execute(
        "select day, fingerprint, release, person_id, error_count, session_count "
        "from marts.errors_met"
    ).fetchall()
    connection.commit()
    found = defaultdict(lambda: [{}, 0])
    for day, fingerprint, release, person, count, sessions in rows:
        found[day, fingerprint, release][0][person] = count
        found[day, fingerprint, release][1] += sessions
    return sorted(
        (day, release, sorted(persons.items()), sessions)
        for (day, _, release), (persons, sessions) in found.items()
    )


def expected_logins(events):
    return Counter(
        (
            event.occurred_on,
            event.properties.get("method", ""),
            event.properties["outcome"],
            event.properties.get("failure_reason", ""),
        )
        for event in events
        if event.event_name == "login_attempt" and not event.is_excluded
    )


def stored_logins(connection):
    rows = connection.execute("select * from marts.logins_daily").fetchall()
    connection.commit()
    return {row[:4]: row[4] for row in rows}


def test_errors_and_logins_equal_brute_force_after_every_late_batch(
    database, connection
):
    chance = random.Random(4)
    events = history(chance)
    arrived = []
    for batch in shuffled_batches(events, count=3, chance=chance):
        load(connection, batch)
        arrived += batch
        build(connection, url=database, select=MODELS)
        assert stored_errors(connection) == expected_errors(arrived)
        assert stored_logins(connection) == expected_logins(arrived)
    gone = events[::7]
    remove(connection, gone)
    build(connection, url=database, select=MODELS)
    left = [event for event in events if event not in gone]
    assert stored_errors(connection) == expected_errors(left)
    incremental = [table_rows(connection, table) for table in TABLES]
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in TABLES] == incremental
    fingerprints = "select count(distinct fingerprint) from marts.errors_met"
    assert connection.execute(fingerprints).fetchone() == (len(GROUPS),)
