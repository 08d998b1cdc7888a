"""Journeys and transitions equal a walk through the events, however they arrived."""

import random
from dataclasses import replace

import pytest

from tests.unit.hostile_strings import hostile_strings
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
from tests.warehouse.reference_journeys import (
    RULES,
    element_interactions,
    sequences,
    session_paths,
    transitions,
)
from tests.warehouse.test_sessions import history

MODELS = (
    "+session_transitions_daily",
    "+session_sequences_daily",
    "+element_interactions_daily",
)
TABLES = (
    "marts.session_paths",
    "marts.session_transitions_daily",
    "marts.session_sequences_daily",
    "marts.element_interactions_daily",
)
UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
PATHS = (
    *("/", "/a", "a/", "/a/b", "/a//b", "/17", "/pages/17", "/17/18", "/pages/x"),
    *(f"/o/{UUID}", f"/o/{UUID}x", "/users/me", "/users/7", "/start", "start", "end"),
    *("/" + "long/" * 90, "/" + "🎟" * 300, "", None),
)


PATTERN = ("/prices", "search_performed", "/help")
ELEMENTS = (
    *({}, {"element_id": "buy"}, {"element_id": "buy", "is_dead": True}),
    *({"element_selector": "#a > b", "is_dead": "so"}, {"element_id": ""}),
)


def walked(chance):
    """A history whose views are of pages with identifiers, and of hostile ones."""
    return [
        replace(
            event,
            page_path=chance.choice(chance.choice([PATHS[:9], PATHS])),
            properties=event.properties | chance.choice(ELEMENTS),
        )
        for event in history(chance)
    ]


def planted(chance):
    """Sessions that all hold PATTERN, among other pages."""
    return [
        Event(
            event_id=f"planted{number}-{index}",
            occurred_at=at(hours=number, minutes=index),
            event_name=node if node in RULES["events"] else "page_view",
            device_id=f"planted{number}",
            page_path=node,
        )
        for number in range(40)
        for index, node in enumerate(
            [chance.choice(PATHS[1:9]), *PATTERN, chance.choice(PATHS[1:9])]
        )
    ]


def assert_journeys_match(connection, events, rules=RULES):
    rows = connection.execute(
        "select day, source_node, target_node, occurrence_count, session_count "
        "from marts.session_transitions_daily"
    ).fetchall()
    assert set(rows) == transitions(events, rules)
    rows = connection.execute(
        "select day, nodes, occurrence_count, session_count "
        "from marts.session_sequences_daily"
    ).fetchall()
    found = {(day, tuple(nodes), *counts) for day, nodes, *counts in rows}
    assert found == sequences(events, rules)
    rows = connection.execute(
        "select day, event_name, page_path, element, interaction_count, dead_count, "
        "device_count from marts.element_interactions_daily"
    ).fetchall()
    assert set(rows) == element_interactions(events)
    rows = connection.execute(
        "select device_id, started_at, nodes from marts.session_paths"
    ).fetchall()
    connection.commit()
    expected = {
        (session.device_id, session.started_at): nodes
        for session, nodes in session_paths(events, rules)
    }
    assert {(device, started): nodes for device, started, nodes in rows} == expected


@pytest.mark.parametrize(
    "seed", [0, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 6)]]
)
def test_journeys_built_bit_by_bit_equal_brute_force_and_a_full_refresh(
    seed, database, connection
):
    chance = random.Random(seed)
    define(connection, "journeys", "journeys", RULES, ())
    events = walked(chance) + planted(chance)
    arrived = []
    for batch in shuffled_batches(events, count=3, chance=chance):
        load(connection, batch)
        build(connection, url=database, select=MODELS)
        arrived += batch
        assert_journeys_match(connection, arrived)
    assert connection.execute(
        "select nodes, sum(session_count) from marts.session_sequences_daily "
        "group by nodes order by 2 desc limit 1"
    ).fetchone() == (list(PATTERN), 40)
    connection.commit()
    gone = chance.sample(events, k=len(events) // 10)
    remove(connection, gone)
    build(connection, url=database, select=MODELS)
    assert_journeys_match(connection, [item for item in events if item not in gone])

    incremental = [table_rows(connection, table) for table in TABLES]
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in TABLES] == incremental


def test_any_path_is_a_node_and_repeats_stay_where_the_registry_keeps_them(
    database, connection
):
    rules = RULES | {"collapse_repeats": False}
    define(connection, "journeys", "journeys", rules, ())
    # What Postgres stores as text at all.
    texts = [
        text.replace("\0", "").encode(errors="ignore").decode()
        for text in hostile_strings(200)
    ]
    events = [
        replace(event, page_path=texts[index % len(texts)])
        for index, event in enumerate(history(random.Random(7), events=60))
    ]
    load(connection, events)
    build(connection, url=database, select=MODELS)
    assert_journeys_match(connection, events, rules)
