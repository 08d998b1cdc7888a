"""The worked example of the guide to identity comes out as the guide says."""

import re
from datetime import UTC, datetime
from pathlib import Path

from tests.warehouse.histories import load
from tests.warehouse.identity_world import (
    Account,
    extract,
    identified,
    prepare,
    set_rules,
)

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "identity.md"
EVENTS = """
    select
        events.event_id,
        coalesce(
            'user ' || nullif(events.user_id, 'null'),
            owners.person_key,
            'device ' || events.device_id
        )
    from raw.events as events
    left join identity.device_owners as owners
        on
            owners.device_id = events.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to
"""
MAP = """
    select distinct events.event_id
    from raw.events as events
    inner join identity.identity_map as known
        on
            known.identifier_type = 'device'
            and known.identifier = events.device_id
            and events.occurred_at >= known.valid_from
            and events.occurred_at < known.valid_to
    where known.person_id = identity.person_id(%s)
"""
REFUSED = """
    select
        first_type || ' ' || first_identifier,
        second_type || ' ' || second_identifier,
        refusal
    from identity.edges
    where refusal is not null
"""


def table(first_column):
    """Return the rows of the table of the guide that begins with a column."""
    text = GUIDE.read_text()
    (body,) = re.findall(
        rf"^\| {first_column}.*\n\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    return [
        [cell.strip() or None for cell in line.strip().strip("|").split("|")]
        for line in body.splitlines()
    ]


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_worked_example_of_the_guide_comes_out_as_it_says(connection):
    set_rules(connection)
    events = [
        identified(name, instant(at), device=device, user=user, email=email)
        for name, at, device, user, email in table(r"Event \| At")
    ]
    lead = [event for event in events if event.device_id == "laptop"]
    load(connection, events)
    prepare(connection, events)
    assert {person(connection, event) for event in lead} == {"email anna@mail.example"}

    accounts = [
        Account(user, instant(at), email, phone)
        for user, at, email, phone in table("Account")
    ]
    extract(connection, accounts)
    _, stale = prepare(connection, events)
    assert stale == {lead[0].occurred_on}
    with connection.transaction():
        found = dict(connection.execute(EVENTS).fetchall())
        refused = {tuple(row) for row in connection.execute(REFUSED)}
        nobodys = connection.execute(MAP, ("device phone",)).fetchall()
    assert found == {name: who for name, who, _ in table(r"Event \| Person")}
    assert refused == {tuple(row) for row in table("Refused")}
    assert nobodys == [("e7",)]


def person(connection, event):
    with connection.transaction():
        return dict(connection.execute(EVENTS).fetchall())[event.event_id]
