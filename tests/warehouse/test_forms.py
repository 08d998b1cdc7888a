"""Forms: what was started, sent, given up and where, against a count by hand."""

import random
from collections import defaultdict

from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    remove,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.reference_sessions import find_sessions

TABLE = "marts.form_sessions"
MODELS = ("+form_sessions",)
NAMES = ("form_started", "form_field_changed", "form_field_changed", "form_submitted")


def history(chance, count=120):
    """Forms of four devices over three days, sent, refused and left."""
    made = []
    for index in range(count):
        name = chance.choice(NAMES)
        properties = {"form_id": chance.choice(["contact", "booking"])}
        if name == "form_field_changed":
            properties |= {
                "field_name": chance.choice(["mail", "date", "city"]),
                "refill_count": chance.randrange(3),
                "has_error": chance.random() < 0.3,
                "is_blank": chance.random() < 0.3,
            }
        elif name == "form_submitted":
            properties |= chance.choice([{}, {"is_successful": chance.random() < 0.5}])
        made.append(
            Event(
                event_id=f"e{index:03}",
                occurred_at=at(days=chance.randrange(3), minutes=chance.randrange(300)),
                event_name=name,
                device_id=f"d{chance.randrange(4)}",
                is_bot=chance.random() < 0.1,
                properties=properties,
            )
        )
    return made


def form_rows(events):
    """Return, by device, session and form: when sent, refusals, drop field, fields."""
    rows = {}
    for session in find_sessions(events):
        forms = defaultdict(list)
        for event in sorted(session.events, key=lambda event: event.position):
            if not event.is_excluded and "form_id" in event.properties:
                forms[event.properties["form_id"]].append(event)
        for form_id, touched in forms.items():
            key = (session.device_id, session.started_at, form_id)
            rows[key] = form_row(touched)
    return rows


def form_row(touched):
    sent = [event for event in touched if event.event_name == "form_submitted"]
    taken = [e for e in sent if e.properties.get("is_successful", True)]
    named = [
        e.properties["field_name"] for e in touched if "field_name" in e.properties
    ]
    fields = {}
    for event in touched:
        field = event.properties.get("field_name")
        if field:
            known = fields.setdefault(field, [0, 0, 0, False])
            known[0] += 1
            known[1] += event.properties["refill_count"]
            known[2] += event.properties["has_error"]
            known[3] = event.properties["is_blank"]
    return (
        min(event.occurred_at for event in touched),
        min((event.occurred_at for event in taken), default=None),
        len(sent) - len(taken),
        named[-1] if named and not taken else None,
        {name: tuple(counts) for name, counts in fields.items()},
    )


def stored_rows(connection):
    names = ("change_count", "refill_count", "error_count", "is_left_blank")
    rows = connection.execute(
        "select device_id, started_at, form_id, form_started_at, submitted_at, "
        f"refused_count, drop_field_name, fields from {TABLE}"
    ).fetchall()
    connection.commit()
    return {
        tuple(row[:3]): (
            *row[3:7],
            {
                field["field_name"]: tuple(field[name] for name in names)
                for field in row[7]
            },
        )
        for row in rows
    }


def test_forms_equal_brute_force_after_every_late_batch_and_a_full_refresh(
    database, connection
):
    chance = random.Random(3)
    events = history(chance)
    arrived = []
    for batch in shuffled_batches(events, count=3, chance=chance):
        load(connection, batch)
        arrived += batch
        build(connection, url=database, select=MODELS)
        assert stored_rows(connection) == form_rows(arrived)
    gone = events[::7]
    remove(connection, gone)
    build(connection, url=database, select=MODELS)
    left = [event for event in events if event not in gone]
    assert stored_rows(connection) == form_rows(left)
    incremental = table_rows(connection, TABLE)
    build(connection, url=database, select=MODELS, is_full=True)
    assert table_rows(connection, TABLE) == incremental
