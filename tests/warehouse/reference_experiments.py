"""What units of an experiment did, counted one by one: an oracle for the models."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

import psycopg

from tests.warehouse.histories import Event, at

ENDS = at(days=11)
PHASES = ((1, at(days=2), at(days=7)), (2, at(days=7), ENDS))
HISTORY = timedelta(days=3)
UNCAPPED = 10**9

EXPERIMENT = """
title: Button
state: RUNNING
starts_at: 2026-03-03T00:00:00Z
ends_at: 2026-03-12T00:00:00Z
history_days: 3
assigned_by: device_id
prior: {deviation: 0.3}
arms:
  - variant: control
  - variant: big
phases:
  - starts_at: 2026-03-08T00:00:00Z
    weights: [1, 3]
metrics:
  - name: buys
    within_hours: 24
    events: [{event: conversion}]
  - name: returns
    role: secondary
    after_hours: 24
    within_hours: 72
    events: [{event: page_view}]
  - name: revenue
    role: secondary
    type: mean
    value: {column: value_minor}
    currency: EUR
    within_hours: 48
    events: [{event: conversion}]
    reversed_by: [{event: custom.refund}]
    reversal_hours: 24
    cap: {value: 500}
    covariate: before_exposure
  - name: spending
    role: secondary
    type: mean
    value: {column: value_minor}
    currency: EUR
    within_hours: 48
    events: [{event: conversion}]
    cap: {quantile: 0.6, frozen_on: 2026-03-06}
  - name: views_per_purchase
    role: secondary
    type: ratio
    events: [{event: page_view}]
    divided_by: [{event: conversion}]
    covariate: before_exposure
  - name: late_views
    role: secondary
    type: mean
    lookback_hours: 48
    events: [{event: page_view}]
  - name: buys_soon
    role: secondary
    within_hours: 48
    funnel: buying
  - name: views_first
    role: secondary
    within_hours: 48
    funnel: buying
    step: view
  - name: slow_page
    role: secondary
    type: quantile
    quantile: 0.5
    value: {column: duration_ms}
    events: [{event: page_view}]
"""


FUNNEL = """
title: Buying
window: 12 hours
steps:
  - name: view
    events: [{event: page_view}]
  - name: buy
    events: [{event: conversion}]
"""


@dataclass
class Unit:
    """One person in one phase."""

    variant: str
    exposed_at: datetime
    browser: str
    events: list[Event] = field(default_factory=list)


def met_units(events: Sequence[Event]) -> dict[tuple[int, str], Unit]:
    """Return the units of one arm alone, by phase and device."""
    met: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.position):
        if event.event_name == "experiment_exposure":
            for phase, begins, ends in PHASES:
                if begins <= event.occurred_at and (
                    ends is None or event.occurred_at < ends
                ):
                    met[phase, str(event.device_id)].append(event)
    units = {}
    for key, exposures in met.items():
        if len({each.properties["variant"] for each in exposures}) == 1:
            first = exposures[0]
            units[key] = Unit(
                str(first.properties["variant"]),
                first.occurred_at,
                first.browser_family or "unknown",
                [each for each in events if each.device_id == key[1]],
            )
    return units


def named(unit: Unit, name: str, since: timedelta, until: timedelta | None):
    """Return the unit's events strictly after an instant, up to another."""
    begins = unit.exposed_at + since
    ends = datetime.max.replace(tzinfo=begins.tzinfo)
    if until is not None:
        ends = unit.exposed_at + until
    return [
        each
        for each in unit.events
        if each.event_name == name and begins < each.occurred_at <= ends
    ]


def earlier(unit: Unit, name: str):
    """Return the unit's events on the days before its exposure."""
    return [
        each
        for each in unit.events
        if each.event_name == name
        and unit.exposed_at - HISTORY <= each.occurred_at < unit.exposed_at
    ]


def euros(events: Sequence[Event]) -> int:
    return sum(each.value_minor or 0 for each in events if each.currency == "EUR")


def taken_back(events: Sequence[Event]) -> int:
    return sum(abs(each.value_minor or 0) for each in events if each.currency == "EUR")


def values(unit: Unit) -> dict[str, tuple[int, int, int, bool, int]]:
    """Return what every metric of a unit is.

    Value, denominator, covariate, history, and denominator before exposure.
    """
    none, day = timedelta(), timedelta(days=1)
    spent = euros(named(unit, "conversion", none, 2 * day)) - taken_back(
        named(unit, "custom.refund", none, 3 * day)
    )
    bought, viewed = earlier(unit, "conversion"), earlier(unit, "page_view")
    refunded = earlier(unit, "custom.refund")
    spent_before = euros(bought) - taken_back(refunded)
    views = named(unit, "page_view", none, None)
    return {
        "buys": (
            int(bool(named(unit, "conversion", none, day))),
            0,
            int(bool(bought)),
            bool(bought),
            0,
        ),
        "returns": (
            int(bool(named(unit, "page_view", day, 3 * day))),
            0,
            int(bool(viewed)),
            bool(viewed),
            0,
        ),
        "revenue": (
            min(spent, 500),
            0,
            min(spent_before, 500),
            bool(bought or refunded),
            0,
        ),
        "spending": (
            euros(named(unit, "conversion", none, 2 * day)),
            0,
            euros(bought),
            bool(bought),
            0,
        ),
        "views_per_purchase": (
            len(views),
            len(named(unit, "conversion", none, None)),
            len(viewed),
            bool(viewed or bought),
            len(bought),
        ),
        "late_views": (
            len([each for each in views if at(days=9) < each.occurred_at <= ENDS]),
            0,
            len(viewed),
            bool(viewed),
            0,
        ),
        "buys_soon": (int(buys_soon(unit)), 0, 0, False, 0),
        "views_first": (
            int(bool(named(unit, "page_view", none, 2 * day))),
            0,
            0,
            False,
            0,
        ),
        "slow_page": (
            sum(each.duration_ms or 0 for each in views),
            0,
            sum(each.duration_ms or 0 for each in viewed),
            bool(viewed),
            0,
        ),
    }


def buys_soon(unit: Unit) -> bool:
    """Say whether some purchase follows some view, both of the window."""
    window = (timedelta(), timedelta(days=2))
    return any(
        timedelta() <= bought.occurred_at - viewed.occurred_at <= timedelta(hours=12)
        for viewed in named(unit, "page_view", *window)
        for bought in named(unit, "conversion", *window)
    )


def frozen_cap(units: dict[tuple[int, str], Unit], phase: int) -> int:
    """Return the smallest value that .6 of the values other than 0 do not exceed."""
    early = sorted(
        values(unit)["spending"][0]
        for (own, _), unit in units.items()
        if own == phase and unit.exposed_at < at(days=5)
    )
    spent = [value for value in early if value]
    return spent[ceil(0.6 * len(spent)) - 1] if spent else UNCAPPED


def statistics(events: Sequence[Event]) -> dict[tuple, list[int]]:
    """Return the sums of marts.experiment_statistics for units of one arm."""
    found: dict[tuple, list[int]] = {}
    units = met_units(events)
    caps = {phase: frozen_cap(units, phase) for phase, *_ in PHASES}
    for (phase, _), unit in units.items():
        for metric, found_of_unit in values(unit).items():
            worth, divisor, earned, has_history, divided = found_of_unit
            cap = caps[phase] if metric == "spending" else UNCAPPED
            value, before = min(worth, cap), min(earned, cap)
            for split in (("all", "all"), ("browser_family", unit.browser)):
                key = (phase, metric, unit.variant, *split, unit.exposed_at.date())
                row = (
                    *(1, int(value != 0), int(has_history), value, value**2),
                    *(divisor, divisor**2, value * divisor),
                    *(before, before**2, value * before, value * has_history),
                    *(divisor * before, divisor * has_history),
                    *(divided, divided**2, divided * value, divided * divisor),
                    divided * before,
                )
                sums = found.setdefault(key, [0] * len(row))
                found[key] = [one + two for one, two in zip(sums, row, strict=True)]
    return found


def complete_through(connection: psycopg.Connection, moment: datetime) -> None:
    """Say that the events of the source are complete until then."""
    connection.execute(
        """
        insert into ops.watermarks (source, data_complete_through, rule)
        values ('web', %(moment)s, 'marker')
        on conflict (source) do update set data_complete_through = %(moment)s
        """,
        {"moment": moment},
    )
