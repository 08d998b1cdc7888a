"""The SQL of funnels agrees with every choice of rows tried, on drawn histories."""

import random
from collections import Counter
from dataclasses import astuple

import pytest

from orchestration.warehouse.connection import connect
from tests.end_to_end.house import made_database
from tests.warehouse.definitions_of_funnels import define_funnels
from tests.warehouse.funnel_reference.asking import body_of, events_of
from tests.warehouse.funnel_reference.drawing import (
    draw_funnels,
    draw_history,
    with_sessions,
)
from tests.warehouse.funnel_reference.stored import stored_rows
from tests.warehouse.histories import build, load

UNITS = 40
COLUMNS = (
    "unit_id, entered_on, entered_at, depth, is_completed, reached_at, "
    "window_ends_at, excluded_at, drops_unit, is_tied, breakdown_value, "
    "candidate_count"
)


class World:
    """Drawn funnels over drawn units, loaded in two parts and built after each."""

    def __init__(self, seed, units):
        chance = random.Random(seed)
        self.funnels = {
            f"f{number:03}": funnel
            for number, funnel in enumerate(draw_funnels(chance))
        }
        histories = [draw_history(chance, f"u{number}") for number in range(units)]
        self.rows = with_sessions(row for rows in histories for row in rows)
        self.parts = [[], []]
        for row in chance.sample(self.rows, len(self.rows)):
            chance.choice(self.parts).append(row)

    def build(self, connection, url):
        bodies = {id_: body_of(funnel) for id_, funnel in self.funnels.items()}
        define_funnels(connection, bodies)
        for part in self.parts:
            load(connection, events_of(part))
            build(connection, url=url, select=["+funnel_steps_daily"])

    def disagreements(self, connection):
        """Return how the tables differ from the reference, by funnel."""
        found = {id_: Counter() for id_ in self.funnels}
        query = f"select funnel_id, {COLUMNS} from marts.funnel_attempts"
        for id_, *values in connection.execute(query):
            found[id_][comparable(values)] += 1
        for id_, funnel in self.funnels.items():
            expected = Counter(
                comparable(astuple(row)) for row in stored_rows(self.rows, funnel)
            )
            if expected != found[id_]:
                yield id_, expected - found[id_], found[id_] - expected


def comparable(values):
    """Return values that compare, an array without the steps that were not reached."""
    return tuple(_reached(value) for value in values)


def _reached(value):
    if not isinstance(value, list | tuple):
        return value
    reached = list(value)
    while reached and reached[-1] is None:
        reached.pop()
    return tuple(reached)


@pytest.fixture(scope="module")
def world(server_url, template_database):
    with made_database(server_url, "drawn", template=template_database) as url:
        made = World(26, UNITS)
        with connect(url, application_name="tests") as connection:
            made.build(connection, url)
            made.connection = connection
            yield made


def test_attempts_are_those_of_every_choice_of_rows(world):
    told = [
        f"{id_}\n{world.funnels[id_]}\n  missing {dict(missing)}\n  extra {dict(extra)}"
        for id_, missing, extra in world.disagreements(world.connection)
    ]
    assert told == [], f"{len(told)} of {len(world.funnels)} funnels\n{told[0]}"
