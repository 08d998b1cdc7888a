"""Funnels and experiments equal a search through every choice of rows."""

import random
from datetime import timedelta

import pytest

from tests.warehouse.definitions import define
from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.reference_funnels import funnel_entries

MODELS = ("+funnel_steps",)
STEPS = ("page_view", "click", "conversion")
WINDOW = timedelta(hours=48)


def define_funnel(connection, steps=STEPS):
    body = {
        "title": "Buy",
        "unit": "person",
        "ordering": "ordered",
        "counting": "uniques",
        "window": "48 hours",
        "steps": [{"name": f"step_{index}"} for index in range(len(steps))],
    }
    predicates = [f"\"event_name\" = '{step}'" for step in steps]
    define(connection, "funnel", "buy", body, predicates)


def history(chance, count=90):
    return [
        Event(
            event_id=f"e{index}",
            occurred_at=at(hours=chance.randrange(24 * 6)),
            event_name=chance.choice(["page_view", "page_view", "click", "conversion"]),
            device_id=f"d{chance.randrange(4)}",
            user_id=chance.choice([None, None, "u1", "u2"]),
        )
        for index in range(count)
    ]


def found_entries(connection):
    rows = connection.execute(
        "select person_id, entered_on, deepest_step, entered_at "
        "from marts.funnel_entries"
    ).fetchall()
    connection.commit()
    return {(person, on): (depth, entered) for person, on, depth, entered in rows}


@pytest.mark.parametrize("seed", range(2))
def test_funnel_entries_equal_brute_force_whatever_arrives_late(
    seed, database, connection
):
    define_funnel(connection)
    chance = random.Random(seed)
    arrived = []
    for batch in shuffled_batches(history(chance), count=3, chance=chance):
        load(connection, batch)
        arrived += batch
        build(connection, url=database, select=MODELS)
        expected = funnel_entries(arrived, steps=STEPS, window=WINDOW)
        assert found_entries(connection) == expected
    tables = ("marts.funnel_entries", "marts.funnel_steps")
    incremental = [table_rows(connection, table) for table in tables]
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in tables] == incremental


def test_a_step_twice_needs_two_rows(database, connection):
    define_funnel(connection, ("page_view", "page_view", "conversion"))
    load(
        connection,
        [
            Event("a1", at(), device_id="once"),
            Event("a2", at(minutes=5), "conversion", device_id="once"),
            Event("b1", at(), device_id="twice"),
            Event("b2", at(), device_id="twice"),
            Event("b3", at(minutes=5), "conversion", device_id="twice"),
        ],
    )
    build(connection, url=database, select=MODELS)
    depths = [depth for depth, _ in found_entries(connection).values()]
    assert sorted(depths) == [1, 3]


def test_the_window_is_inclusive_and_every_step_has_a_row(database, connection):
    define_funnel(connection)
    load(
        connection,
        [
            Event("a1", at(), device_id="inside"),
            Event("a2", at(hours=48), "click", device_id="inside"),
            Event("b1", at(), device_id="outside"),
            Event("b2", at(hours=48, microseconds=1), "click", device_id="outside"),
        ],
    )
    build(connection, url=database, select=MODELS)
    rows = connection.execute(
        "select step_index, person_count, entry_count, rate_from_entry, "
        "rate_from_previous from marts.funnel_steps order by step_index"
    ).fetchall()
    assert rows == [(1, 2, 2, 1, None), (2, 1, 2, 0.5, 0.5), (3, 0, 2, 0, 0)]


def test_ten_thousand_rows_of_one_person_are_walked_in_seconds(database, connection):
    define_funnel(connection, ("page_view", "page_view", "click"))
    names = ("page_view", "page_view", "page_view", "click")
    load(
        connection,
        [Event(f"e{i}", at(seconds=i), names[i % 4]) for i in range(10_000)],
    )
    connection.execute("alter role current_user set statement_timeout = '30s'")
    connection.commit()
    try:
        build(connection, url=database, select=MODELS)
    finally:
        connection.execute("alter role current_user reset statement_timeout")
        connection.commit()
    assert [depth for depth, _ in found_entries(connection).values()] == [3]


def exposure(event_id, moment, variant, **rest):
    return Event(
        event_id,
        moment,
        "experiment_exposure",
        is_interactive=False,
        properties={"experiment_id": "button", "variant": variant},
        **rest,
    )


def test_units_count_in_their_first_arm_and_those_of_two_arms_in_none(
    database, connection
):
    body = {
        "title": "Button",
        "state": "RUNNING",
        "unit": "person",
        "starts_at": "2026-03-01T00:00:00Z",
        "arms": [{"variant": "control", "weight": 1}, {"variant": "big", "weight": 1}],
        "metrics": [{"name": "buys", "role": "primary", "within_hours": 24}],
    }
    define(connection, "experiment", "button", body, ["\"event_name\" = 'conversion'"])
    load(
        connection,
        [
            exposure("x1", at(hours=1), "control", device_id="a"),
            exposure("x2", at(hours=9), "control", device_id="a"),
            Event("c1", at(hours=2), "conversion", device_id="a"),
            Event("c2", at(hours=3), "conversion", device_id="a"),
            exposure("x3", at(hours=1), "big", device_id="b"),
            Event("c3", at(hours=1), "conversion", device_id="b"),
            exposure("x4", at(hours=1), "big", device_id="c"),
            Event("c4", at(hours=26), "conversion", device_id="c"),
            exposure("x5", at(hours=1), "big", device_id="d"),
            exposure("x6", at(hours=2), "control", device_id="d"),
            exposure("x7", at(hours=-1), "big", device_id="early"),
            exposure("x8", at(hours=1), "unknown", device_id="stray"),
        ],
    )
    build(connection, url=database, select=["+experiment_counts"])
    rows = connection.execute(
        "select variant, is_control, unit_count, conversion_count, "
        "multi_arm_unit_count from marts.experiment_counts order by variant"
    ).fetchall()
    # c3 is not strictly after its exposure, c4 is outside the window.
    assert rows == [("big", False, 2, 0, 1), ("control", True, 1, 1, 0)]
