"""Evidence of who is who, stored as loads and extracts do, and told by brute force."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from orchestration.warehouse.digest import digest_table
from tests.unit.reference_identity import (
    edges_of,
    is_blocked,
    persons_of,
)
from tests.warehouse.histories import Event, begin_build, end_build
from tests.warehouse.reference_sessions import find_sessions, owner_by_event

LIMITS = {"user": 1, "external": 5, "email": 5, "phone": 5}
RULES = {
    "most_neighbours": 10,
    "limits": LIMITS,
    "priorities": [
        {"evidence": "app.persons", "priority": 1},
        {"evidence": "user_registered", "priority": 2},
    ],
    "other_priority": 5,
    "blocked": {"any": ["NULL", "-1"], "user": ["test"], "email": ["spam"]},
}
PROPERTIES = {"external": "external_id", "email": "email_hash", "phone": "phone_hash"}
TABLES = (
    "identity.evidence",
    "identity.sightings",
    "identity.edges",
    "identity.hubs",
    "identity.persons",
    "identity.device_owners",
    "identity.anonymous_days",
)


@dataclass(frozen=True)
class Account:
    """A row of the app: who registered when, under which names."""

    user_id: str
    registered_at: datetime
    email: str | None = None
    phone: str | None = None
    external: str | None = None
    is_test: bool = False

    @property
    def identifiers(self):
        named = {
            "user": self.user_id,
            "email": self.email,
            "phone": self.phone,
            "external": self.external,
        }
        return {kind: value for kind, value in named.items() if value is not None}


def identified(event_id, at, *, name="page_view", device="d1", user=None, **known):
    """Return an event that carries identifiers of a person."""
    properties = {PROPERTIES[kind]: value for kind, value in known.items() if value}
    if name == "login_attempt":
        properties["outcome"] = "failure"
    return Event(
        event_id=event_id,
        occurred_at=at,
        event_name=name,
        device_id=device,
        user_id=user,
        properties=properties,
    )


def identifiers_of(event):
    """Return what an event says of a person, by type."""
    named = {kind: event.properties.get(name) for kind, name in PROPERTIES.items()}
    named["user"] = event.user_id
    return {kind: value for kind, value in named.items() if value is not None}


def set_rules(connection, **changed):
    """Put rules in force, as a new version of the definition."""
    body = json.dumps(RULES | changed)
    with connection.transaction():
        connection.execute(
            "insert into registry.versions (hash, definition_count) values (%s, 1)",
            (body,),
        )
        connection.execute(
            """
            insert into registry.definitions (
                kind, id, version, registry_version, body, hash, valid_from, file
            )
            select 'identity', 'identity', max(registry_version),
                max(registry_version), %s, '', now(), ''
            from registry.versions
            """,
            (body,),
        )


def extract(connection, accounts):
    """Store accounts as an extract does, and touch the days of registration."""
    with connection.transaction():
        load_id = connection.execute(
            "insert into ops.loads (kind, source, started_at)"
            " values ('extract', 'app', now()) returning load_id"
        ).fetchone()[0]
        for account in accounts:
            connection.execute(
                """
                insert into raw.app_persons (
                    user_id, role, email_hash, phone_hash, external_id, is_internal,
                    is_test, registered_at, row_hash, valid_from, load_id
                )
                values (%s, 'customer', %s, %s, %s, false, %s, %s, '', %s, %s)
                """,
                (
                    account.user_id,
                    account.email,
                    account.phone,
                    account.external,
                    account.is_test,
                    account.registered_at,
                    account.registered_at,
                    load_id,
                ),
            )
        for day in {account.registered_at.date() for account in accounts}:
            connection.execute(
                "insert into ops.touched_days"
                " (load_id, occurred_on, event_name, row_count)"
                " values (%s, %s, 'app:persons', 1)",
                (load_id, day),
            )


def prepare(connection, events, *, is_full=False):
    """Run identity as a build does; return the build and the days it found stale.

    Parameters
    ----------
    events : sequence of Event
        All that is in raw: the sessions that a build leaves behind are made of them.
    """
    build_id, _ = begin_build(connection, is_full=is_full)
    store_sessions(connection, events)
    end_build(connection, build_id=build_id)
    with connection.transaction():
        rows = connection.execute(
            "select day from ops.changed"
            " where build_id = %s and model = 'identity.device_owners'",
            (build_id,),
        ).fetchall()
    return build_id, {day for (day,) in rows}


def store_sessions(connection, events):
    """Leave behind what the sessions model would, told by the reference."""
    with connection.transaction():
        connection.execute(_SESSIONS)
        for session in find_sessions(events):
            connection.execute(
                "insert into intermediate.int_events_sessionized values (%s,%s,%s,%s)",
                (
                    session.device_id,
                    session.started_at.date(),
                    session.started_at,
                    session.ended_at,
                ),
            )


def found(connection):
    """Return persons by identifier, refusals by pair, owners of anonymous events."""
    with connection.transaction():
        persons = connection.execute(
            "select identifier_type, identifier, person_key from identity.persons"
        ).fetchall()
        refusals = connection.execute(
            "select first_type, first_identifier, second_type, second_identifier,"
            " refusal from identity.edges where refusal is not null"
        ).fetchall()
        owners = connection.execute(_OWNERS).fetchall()
    return (
        {(kind, value): key for kind, value, key in persons},
        {((a, b), (c, d)): why for a, b, c, d, why in refusals},
        dict(owners),
    )


def expected(events, accounts, *, rules=RULES):
    """Tell the same by brute force."""
    counted = [event for event in events if not event.is_excluded]
    sightings = [
        (event.event_name, event.occurred_at, identifiers_of(event))
        for event in counted
        if event.event_name != "login_attempt"
    ]
    sightings += [
        ("app.persons", account.registered_at, account.identifiers)
        for account in accounts
        if not account.is_test
    ]
    edges = edges_of(
        sightings,
        blocked=rules["blocked"],
        priorities={each["evidence"]: each["priority"] for each in rules["priorities"]},
        other=rules["other_priority"],
    )
    persons, refused = persons_of(edges, rules["limits"], rules["most_neighbours"])
    keys = {node: " ".join(canonical) for node, canonical in persons.items()}
    named = [
        replace(event, user_id=_key(event, keys, rules["blocked"])) for event in counted
    ]
    return keys, refused, owner_by_event(named)


def digests(connection):
    """Digest what identity stores, less its log."""
    with connection.transaction():
        return {table: digest_table(connection, table) for table in TABLES}


def _key(event, keys, blocked):
    named = identifiers_of(event)
    for kind in ("user", "external", "email", "phone"):
        value = named.get(kind)
        if value is not None and not is_blocked(kind, value, blocked):
            return keys.get((kind, value), f"{kind} {value}")
    return None


_SESSIONS = """
    create schema if not exists intermediate;
    create table if not exists intermediate.int_events_sessionized (
        device_id text, started_on date, started_at timestamptz, ended_at timestamptz
    );
    truncate intermediate.int_events_sessionized
"""

_OWNERS = """
    select events.event_id, owners.person_key
    from raw.events as events
    inner join identity.device_owners as owners
        on
            owners.device_id = events.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to
    inner join identity.anonymous_days as days
        on
            days.device_id = events.device_id
            and days.occurred_on = events.occurred_on
    where not (events.is_bot or events.is_internal or events.is_test)
"""
