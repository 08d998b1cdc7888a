"""Experiments of one build after another are those of one build from nothing."""

import random
from typing import Any

import pytest

from orchestration.registry.reading import load_registry
from orchestration.registry.storing import store_registry
from orchestration.transform.model_hashes import model_definitions, source_hashes
from tests.unit.made_registry import write_registry
from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    manifest_of,
    point_dbt_at,
    remove,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.identity_world import PROPERTIES, set_rules
from tests.warehouse.reference_experiments import EXPERIMENT
from tests.warehouse.reference_metrics import App, Person
from tests.warehouse.test_excluded_accounts import flag

SELECT = ("+experiment_statistics",)
TABLES = (
    "marts.experiment_exposures",
    "marts.experiment_units",
    "marts.experiment_statistics",
)
NAMES = ("experiment_exposure", "conversion", "page_view", "custom.refund", "scroll")
PERSONS = 90
# No metric counts its first step, so that its rows alone say that a unit has news.
FUNNEL = """
title: Buying
window: 12 hours
steps:
  - name: view
    events: [{event: scroll}]
  - name: buy
    events: [{event: conversion}]
"""


def one(event_id, moment, name, person, **rest: Any):
    """Return an event of a person, of whom a variant is known."""
    if name == "experiment_exposure":
        variant = "control" if person % 2 else "big"
        rest["properties"] = {"experiment_id": "button", "variant": variant}
    return Event(event_id, moment, name, **rest)


def made(chance, count):
    """Draw persons who share devices, log in now and then, and meet an experiment."""
    events = []
    for number in range(count):
        person = chance.randrange(PERSONS)
        rest: dict[str, Any] = {
            "device_id": chance.choice([f"d{person}", f"d{person // 3}", None]),
            "user_id": f"u{person}" if chance.random() < 0.2 else None,
            "browser_family": f"b{person % 2}",
            "duration_ms": chance.choice([None, 5, 10, 20]),
            "value_minor": chance.choice([100, 250, -40, 900, None]),
            "currency": chance.choice(["EUR", "EUR", "USD"]),
        }
        if rest["device_id"] is None:
            rest["user_id"] = f"u{person}"
        moment = at(minutes=chance.randrange(12 * 24 * 60))
        events.append(one(f"e{number}", moment, chance.choice(NAMES), person, **rest))
    return events


def nights(chance):
    """Draw what few say on a day that others changed as well, or nobody."""
    for number in range(3):
        person = chance.randrange(PERSONS)
        moment = at(days=chance.choice([5, 14]), minutes=60 + number)
        yield [
            one(
                f"n{number}",
                moment,
                ("conversion", "scroll", "page_view")[number % 3],
                person,
                device_id=f"d{person}",
                user_id=f"u{person}" if number % 3 == 2 else None,
            )
        ]
    # Two who turn out to be one.
    yield [
        one(
            f"m{person}",
            at(days=13),
            "page_view",
            person,
            device_id=None,
            user_id=f"u{person}",
            properties={PROPERTIES["email"]: "both"},
        )
        for person in (1, 3)
    ]


def define(connection, directory, *, mapping, funnel=FUNNEL, experiment=EXPERIMENT):
    files = {"experiments__button": experiment, "funnels__buying": funnel}
    indented = {name: text.replace("\n", "\n        ") for name, text in files.items()}
    store_registry(connection, load_registry(write_registry(directory, **indented)))
    set_rules(connection, experiment_mapping=mapping, limits={"user": 2})


def rows_of(connection):
    return {table: table_rows(connection, table) for table in TABLES}


@pytest.mark.parametrize(
    "mapping",
    [
        "first_touch",
        pytest.param("last_touch", marks=pytest.mark.long),
        pytest.param("strict", marks=pytest.mark.long),
    ],
)
def test_experiments_follow_what_changed_as_if_made_from_nothing(
    database, connection, tmp_path, mapping
):
    chance = random.Random(20_261_121)
    define(connection, tmp_path, mapping=mapping)
    events = made(chance, count=900)
    first, second = shuffled_batches(events, count=2, chance=chance)
    for batch in (first, second, *nights(chance)):
        load(connection, batch)
        build(connection, url=database, select=SELECT)
    before = rows_of(connection)
    shorter = FUNNEL.replace("12 hours", "1 minute")
    define(connection, tmp_path, mapping=mapping, funnel=shorter)
    build(connection, url=database, select=SELECT, anew=["funnel buying"])
    assert rows_of(connection) != before
    remove(connection, [each for each in events if each.user_id in {"u4", "u5"}])
    build(connection, url=database, select=SELECT)
    piecewise = rows_of(connection)
    build(connection, url=database, select=SELECT, is_full=True)
    assert piecewise == rows_of(connection)
    # Of two users one person is made, and both of an experiment's phases met some.
    [(named,)] = connection.execute(
        "select count(*) from identity.persons where identifier_type = 'user'"
    ).fetchall()
    assert named == 2
    assert {row[1] for row in piecewise["marts.experiment_units"]} == {1, 2}


def test_who_is_flagged_as_own_leaves_with_what_was_done_before_logging_in(
    database, connection, tmp_path
):
    define(connection, tmp_path, mapping="first_touch")
    load(
        connection,
        [
            one("x1", at(days=3), "experiment_exposure", 0, device_id="d0"),
            one("x2", at(days=3), "experiment_exposure", 0, device_id="d1"),
            # Days later, so that nothing of the day of exposure changes.
            Event("e1", at(days=6), device_id="d0", user_id="u0"),
        ],
    )
    build(connection, url=database, select=SELECT)
    assert len(rows_of(connection)["marts.experiment_exposures"]) == 2
    flag(connection, App(persons=[Person("u0", "internal", at(days=-9))]))
    build(connection, url=database, select=SELECT)
    flagged = rows_of(connection)
    assert len(flagged["marts.experiment_exposures"]) == 1
    flag(connection, App(persons=[Person("u0", None, at(days=-9))]))
    build(connection, url=database, select=SELECT)
    assert len(rows_of(connection)["marts.experiment_exposures"]) == 2


def test_a_metric_of_other_events_has_all_events_matched_again(
    connection, tmp_path, database
):
    point_dbt_at(database)
    manifest = manifest_of(database).to_dict()
    hashes = []
    draft = EXPERIMENT.replace("state: RUNNING", "state: DRAFT")
    for text in (draft, draft.replace("event: custom.refund", "event: scroll")):
        define(connection, tmp_path, mapping="first_touch", experiment=text)
        known = source_hashes(connection, manifest)
        made_of = model_definitions(manifest, source_hashes=known)
        hashes.append(made_of["int_events_matched"].hash)
    assert hashes[0] != hashes[1]
