"""Grids, trends and lifecycles of every setting, and people who do things at random."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import yaml

from orchestration.registry.storing import refresh_registry
from tests.unit.made_registry import write_registry
from tests.warehouse.histories import Event, at
from tests.warehouse.reference_behaviour import Act, Grid
from tests.warehouse.reference_periods import Clock

# The clocks go forward there on 29 March, inside the history.
BERLIN = Clock(zone=ZoneInfo("Europe/Berlin"), week_starts="sunday")
PAY, SEE, JOIN = "custom.pay", "custom.see", "custom.join"

GRIDS = {
    "weekly": Grid("activity", "activity"),
    "joined": Grid(JOIN, "activity", period="day", periods=4),
    "daily_in_berlin": Grid(SEE, PAY, period="day", periods=5, clock=BERLIN),
    "weekly_in_berlin": Grid(SEE, SEE, clock=BERLIN, occurs="each_period"),
    "monthly": Grid(SEE, PAY, period="month", periods=2, has_breakdown=True),
    "hourly": Grid(JOIN, SEE, period="hour", periods=30, occurs="each_period"),
    "rolling": Grid(SEE, SEE, rolling_hours=24, period="day", periods=6),
    "rolling_fortnights": Grid(
        PAY, PAY, rolling_hours=24 * 14, period="day", occurs="each_period", periods=2
    ),
    "later": Grid(SEE, PAY, mode="on_or_after", period="day", periods=6),
    "sooner": Grid(SEE, PAY, mode="on_or_before", period="day", periods=6),
    "sooner_same": Grid(SEE, SEE, mode="on_or_before", period="day", periods=6),
    "streak": Grid(SEE, SEE, mode="streak", period="day", occurs="each_period"),
    "streak_of_pay": Grid(SEE, PAY, mode="streak", period="week", period_zero="start"),
    "brackets": Grid(
        SEE,
        PAY,
        mode="brackets",
        brackets=((0, 0), (1, 3), (4, 9)),
        period="day",
        periods=9,
    ),
    "revenue": Grid(PAY, PAY, periods=4, has_amount=True, has_breakdown=True),
    "teams": Grid(SEE, PAY, period="day", periods=3),
}
LIFECYCLES = {"everybody": {}, "payers": {"created": True}}
TRENDS = {
    "seen": ("total", SEE, "day", Clock()),
    "seen_by_hour": ("total", SEE, "hour", BERLIN),
    "payers": ("dau", PAY, "week", BERLIN),
    "paid": ("sum", PAY, "month", BERLIN),
    "mean": ("avg", PAY, "day", BERLIN),
    "lowest": ("min", PAY, "week", Clock()),
    "highest": ("max", PAY, "day", Clock()),
    "middle": ("median", PAY, "week", BERLIN),
    "ninetieth": ("percentile", PAY, "week", Clock()),
    "paying_share": ("ratio", PAY, "day", Clock()),
}
CUMULATIVE = {"payers", "paid", "seen"}


def write_definitions(connection, folder):
    """Write all of them into a small registry and store it."""
    write_registry(folder)
    files = {f"retention/{name}.yml": _grid(name) for name in GRIDS}
    files |= {f"trends/{name}.yml": _trend(name) for name in TRENDS}
    files["lifecycles/everybody.yml"] = {"title": "Everybody"}
    files["lifecycles/payers.yml"] = {
        "title": "Payers",
        "of": {"events": [{"event": PAY}]},
        "week_starts": "sunday",
        "new_by": "profile_creation",
        "profile": [{"event": JOIN}],
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content))
    refreshed = refresh_registry(connection, folder)
    assert refreshed.problems == ()


def _doing(name):
    return {"activity": "any"} if name == "activity" else {"events": [{"event": name}]}


def _grid(name):
    grid = GRIDS[name]
    content = {
        "title": name,
        "start": _doing(grid.start) | {"occurs": grid.occurs},
        "return": _doing(grid.back),
        "mode": grid.mode,
        "period": grid.period,
        "periods": grid.periods,
        "week_starts": grid.clock.week_starts,
        "timezone": str(grid.clock.zone),
        "period_zero": grid.period_zero,
    }
    if grid.rolling_hours:
        content["clock"] = "rolling"
        content["period_length"] = grid.rolling_hours // 24
    if grid.brackets:
        content["brackets"] = [list(each) for each in grid.brackets]
    if grid.has_amount:
        content |= {"measure": "revenue", "amount": {"column": "value_minor"}}
    if grid.has_breakdown:
        content["breakdown"] = {"property": "plan"}
    if name == "teams":
        content |= {"unit": "named", "unit_named_by": {"property": "team"}}
    return content


def _trend(name):
    math, event, interval, clock = TRENDS[name]
    content = {
        "title": name,
        "events": [{"event": event}],
        "math": math,
        "interval": interval,
        "week_starts": clock.week_starts,
        "timezone": str(clock.zone),
        "cumulative": name in CUMULATIVE,
    }
    if math not in {"total", "dau", "ratio"}:
        content["value"] = {"column": "value_minor"}
    if math == "percentile":
        content["percentile"] = 0.9
    if math == "ratio":
        content["divided_by"] = [{"event": SEE}]
    return content


def history(chance, *, persons=40, days=50):
    """People who come often or seldom; every fifth never says who it is."""
    made = []
    for number in range(persons):
        pace = chance.choice([0.3, 2, 6, 20])
        moment = at(days=chance.uniform(0, days * 0.7))
        for index in range(chance.randrange(1, 30)):
            name = chance.choice([SEE, SEE, SEE, PAY, PAY, JOIN, "custom.rest"])
            pays = name == PAY and chance.random() < 0.8
            made.append(
                Event(
                    event_id=f"e{number}-{index}",
                    occurred_at=moment,
                    event_name=name,
                    device_id=f"d{number}",
                    user_id=None if number % 5 == 0 else f"u{number}",
                    value_minor=chance.randrange(-200, 1000) if pays else None,
                    currency=chance.choice(["EUR", "USD"]) if pays else None,
                    is_interactive=name != "custom.rest",
                    properties=_properties(chance),
                )
            )
            moment += _gap(chance, pace)
            if moment > at(days=days):
                break
    return made


def _properties(chance):
    plan, team = chance.choice([None, "free", "pro"]), chance.choice([None, "a", "b"])
    return {
        name: value
        for name, value in (("plan", plan), ("team", team))
        if value is not None
    }


def _gap(chance, pace):
    """Mostly at random, sometimes exactly on an edge: nothing, an hour, a day, 14."""
    if chance.random() < 0.3:
        return timedelta(hours=chance.choice([0, 1, 24, 48, 24 * 14]))
    return timedelta(days=chance.expovariate(1 / pace))


def acts_of(events, *, team=False):
    """Return what units did: persons, or the teams that events name."""
    acts = []
    for event in events:
        unit = event.user_id or event.device_id
        if team:
            unit = event.properties.get("team")
        if unit is None:
            continue
        acts.append(
            Act(
                unit=unit,
                name=event.event_name,
                at=event.occurred_at,
                position=event.position,
                amount=None
                if event.value_minor is None
                else Decimal(event.value_minor),
                currency=event.currency,
                plan=event.properties.get("plan"),
            )
        )
    return acts


def active(acts):
    """Return the acts that make a person active."""
    return [act for act in acts if act.name != "custom.rest"]


def named(acts, name):
    """Return the acts of one name, as the only thing there is."""
    return [replace(act) for act in acts if act.name == name]
