"""Drawn funnels over drawn units in one warehouse, and what it says of them."""

import random
from collections import Counter
from dataclasses import astuple
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from tests.warehouse.definitions_of_funnels import define_funnels
from tests.warehouse.funnel_reference import known
from tests.warehouse.funnel_reference.asking import body_of, events_of
from tests.warehouse.funnel_reference.definitions import Row
from tests.warehouse.funnel_reference.drawing import (
    EVENTS,
    draw_funnels,
    draw_history,
    instant,
    with_sessions,
)
from tests.warehouse.funnel_reference.laws import truncated, with_earlier_entry
from tests.warehouse.funnel_reference.stored import stored_rows
from tests.warehouse.histories import build, load

# Midnight: every entry of the day before has happened by then.
CUT_AT = instant(12)
CUT_UNITS, EARLIER_UNITS = 12, 6
STORED = (
    "unit_id, entered_on, entered_at, depth, is_completed, reached_at, "
    "window_ends_at, excluded_at, drops_unit, is_tied, breakdown_value, "
    "candidate_count"
)
Figures = dict[tuple[str, str, int], dict[str, Any]]


class Plan(NamedTuple):
    """What a funnel's results are made with."""

    funnel_id: str
    sql: str
    bins: int
    top: int


class World:
    """Funnels and units; some units again, cut off or with an earlier first step."""

    def __init__(self, seed: int, units: int) -> None:
        chance = random.Random(seed)
        found = enumerate([*draw_funnels(chance), *known.FUNNELS])
        self.funnels = {f"f{number:03}": funnel for number, funnel in found}
        self.histories = {
            unit: draw_history(chance, unit)
            for unit in (f"u{number}" for number in range(units))
        }
        self._add_changed()
        self.histories |= known.known_histories()
        rows = [row for history in self.histories.values() for row in history]
        self.rows = with_sessions(rows)
        self.parts: list[list[Row]] = [[], []]
        for row in chance.sample(self.rows, len(self.rows)):
            chance.choice(self.parts).append(row)

    def _add_changed(self) -> None:
        units = list(self.histories)
        for unit in units[:CUT_UNITS]:
            rows = truncated(self.histories[unit], CUT_AT, unit=f"{unit}-cut")
            self.histories[f"{unit}-cut"] = rows
        for unit in units[:EARLIER_UNITS]:
            for event in EVENTS[:4]:
                name = f"{unit}-{event}"
                rows = with_earlier_entry(self.histories[unit], event, unit=name)
                self.histories[name] = rows

    def build(self, connection: psycopg.Connection, url: str) -> None:
        """Load the rows in two parts, in no order, and build after each."""
        bodies = {id_: body_of(funnel) for id_, funnel in self.funnels.items()}
        define_funnels(connection, bodies)
        for part in self.parts:
            load(connection, events_of(part))
            build(connection, url=url, select=["+funnel_steps_daily"])

    def wrong_attempts(self, connection: psycopg.Connection) -> list[str]:
        """Return how the stored attempts differ from the reference."""
        found: dict[str, Counter[Any]] = {id_: Counter() for id_ in self.funnels}
        query = f"select funnel_id, {STORED} from marts.funnel_attempts"
        for id_, *values in connection.execute(query):
            found[id_][_comparable(values)] += 1
        wrong = []
        for id_, funnel in self.funnels.items():
            rows = stored_rows(self.rows, funnel)
            expected = Counter(_comparable(astuple(row)) for row in rows)
            if expected != found[id_]:
                missing, extra = expected - found[id_], found[id_] - expected
                wrong.append(f"{id_} {funnel}\n missing {missing}\n extra {extra}")
        return wrong


def _comparable(values: Any) -> tuple[Any, ...]:
    """Return values that compare, an array without the steps that were not reached."""
    return tuple(_reached(value) for value in values)


def _reached(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    reached = list(value)
    while reached and reached[-1] is None:
        reached.pop()
    return tuple(reached)


def plans_of(connection: psycopg.Connection) -> dict[str, Plan]:
    """Return the plans of all funnels."""
    rows = connection.execute(
        "select funnel_id, plan_sql, time_bin_count, breakdown_top "
        "from registry.funnel_plans"
    )
    return {row[0]: Plan(*row) for row in rows}


def results_of(
    connection: psycopg.Connection, plan: Plan, day: date | None, watermark: datetime
) -> Figures:
    """Return what the warehouse says of a day or of all, in the reference's form."""
    return _figures(
        connection.execute(
            "select results.* from funnels.results("
            f"'marts.funnel_attempts', %s, {plan.sql}, %s, %s, %s, %s, %s) as results",
            (plan.funnel_id, plan.bins, plan.top, day, day, watermark),
        )
    )


def daily_results_of(
    connection: psycopg.Connection, funnel_id: str, day: date
) -> Figures:
    """Return the stored figures of a day, in the reference's form."""
    return _figures(
        connection.execute(
            "select * from marts.funnel_steps_daily "
            "where funnel_id = %s and entered_on = %s",
            (funnel_id, day),
        )
    )


def _figures(cursor: psycopg.Cursor[Any]) -> Figures:
    names = [column.name for column in cursor.description or ()]
    found = {}
    for values in cursor:
        row = dict(zip(names, map(_plain, values), strict=True))
        key = row.pop("breakdown"), row.pop("breakdown_value"), row.pop("step_index")
        found[key] = row
    return found


def _plain(value: Any) -> Any:
    return round(float(value), 6) if isinstance(value, Decimal) else value


def differing(found: Figures, expected: Figures) -> dict[Any, Any]:
    """Return (expected, found) of the figures that differ; none means all agree."""
    wrong: dict[Any, Any] = dict.fromkeys(expected.keys() - found.keys(), "missing")
    for key, row in found.items():
        told = expected.get(key, {})
        named = {
            name: (told.get(name), value)
            for name, value in row.items()
            if told.get(name, _NOTHING) != value and (name in told or not told)
        }
        if named:
            wrong[key] = named
    return wrong


_NOTHING = object()
