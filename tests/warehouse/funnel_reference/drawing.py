"""Small funnels and small histories drawn so that every rule gets its chance to bite.

Instants lie on a coarse grid and windows are multiples of it: rows coincide, and stand
exactly on the ends of windows, far more often than in life.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.warehouse.funnel_reference.definitions import (
    Breakdown,
    Exclusion,
    Funnel,
    Happening,
    Row,
    Step,
)

START = datetime(2026, 3, 1, 22, tzinfo=UTC)
GRID = timedelta(minutes=10)
GAP = timedelta(minutes=30)
SLOTS = 24
PLAIN_FUNNELS = 14
HALF = 0.5
EVENTS = ("custom.a", "custom.b", "custom.c", "custom.d", "custom.x", "custom.n")
COLOURS = ("red", "blue", None)
SIZES = ("s", "s", "m", None)


def instant(slot: int) -> datetime:
    """Return the instant of a slot of the grid."""
    return START + slot * GRID


def draw_history(chance: random.Random, unit: str) -> list[Row]:
    """Return the rows of one unit, a few of them at one instant, in no order."""
    count = chance.randint(2, 9)
    slots = [chance.randrange(SLOTS) for _ in range(chance.randint(1, count))]
    instants = [instant(chance.choice(slots)) + _jitter(chance) for _ in range(count)]
    events = chance.choices(EVENTS, weights=(6, 6, 5, 3, 3, 3), k=count)
    if chance.random() < HALF:
        # Somebody who walks on from a to d, whatever comes between.
        instants.sort()
        events = _walk(events)
    return [
        Row(
            id=f"{unit}-{chance.randrange(10**6):06}-{index}",
            occurred_at=instants[index],
            event=event,
            unit=unit,
            source=chance.choice(("web", "web", "app")),
            sequence=chance.choice((None, chance.randrange(20))),
            properties=_properties(chance),
        )
        for index, event in enumerate(events)
    ]


def _walk(events: Sequence[str]) -> list[str]:
    """Return the events with those of steps sorted, the others where they are."""
    steps = sorted(event for event in events if event in EVENTS[:4])
    return [steps.pop(0) if event in EVENTS[:4] else event for event in events]


def _jitter(chance: random.Random) -> timedelta:
    return timedelta(seconds=chance.choice((0, 0, 0, 0, 0, 1, 2, 5)))


def _properties(chance: random.Random) -> dict[str, str]:
    drawn = {"colour": chance.choice(COLOURS), "size": chance.choice(SIZES)}
    return {name: value for name, value in drawn.items() if value is not None}


def with_sessions(rows: Iterable[Row]) -> list[Row]:
    """Return the rows, each in a session that a longer gap than half an hour ends."""
    found: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.unit, row.position)):
        last = found[-1] if found and found[-1].unit == row.unit else None
        is_near = last is not None and row.occurred_at - last.occurred_at <= GAP
        session = last.session if last is not None and is_near else row.id
        found.append(replace(row, session=session))
    return found


def draw_funnels(chance: random.Random) -> list[Funnel]:
    """Return a funnel of every order, count and setting, and some settings more."""
    found = [
        _drawn(chance, order=order, counting=counting, setting=setting)
        for order in ("ordered", "strict", "any_order")
        for counting in ("uniques", "totals", "sessions")
        for setting in _SETTINGS
    ]
    found.append(Funnel(steps=_steps(chance)[:1], window=GRID * 3))
    # Of a chance of their own: the histories drawn after these stay what they were.
    return [*found, *(_plain(random.Random(number)) for number in range(PLAIN_FUNNELS))]


def _plain(chance: random.Random) -> Funnel:
    """Return a funnel of different steps that asks for little more than an order."""
    first = chance.choice(EVENTS[:4])
    others = [event for event in EVENTS if event != first]
    names = [first, *chance.sample(others, k=chance.randint(0, 5))]
    if chance.random() < 0.7:
        names.sort()
    funnel = Funnel(
        steps=tuple(Step((Happening(name),)) for name in names),
        order=chance.choice(("ordered", "ordered", "any_order")),
        window=GRID * chance.choice((3, 6, 12)),
    )
    if chance.random() < HALF:
        by = Breakdown("colour", "first", top=2)
        funnel = replace(funnel, breakdown=by)
    return _with_range(funnel, chance) if chance.random() < 0.3 else funnel


def _drawn(
    chance: random.Random, *, order: str, counting: str, setting: "_Setting"
) -> Funnel:
    funnel = Funnel(
        steps=_steps(chance),
        order=order,
        counting=counting,
        window=GRID * chance.choice((3, 6, 6, 9, 12)),
        scope=chance.choice(("steps", "all")),
    )
    more = chance.sample(_SETTINGS, k=chance.choice((0, 1, 1, 2)))
    for each in (setting, *more):
        funnel = each(funnel, chance)
    return _tidied(funnel, chance)


def _steps(chance: random.Random) -> tuple[Step, ...]:
    names = chance.choices(EVENTS[:4], k=chance.choice((2, 3, 3, 4)))
    if chance.random() < 0.7:
        names = sorted(names)
    return tuple(Step((Happening(name),)) for name in names)


def _with_alternatives(funnel: Funnel, chance: random.Random) -> Funnel:
    place = chance.randrange(len(funnel.steps))
    more = Happening(chance.choice(EVENTS[:4]), _condition(chance))
    return _changed(
        funnel, place, alternatives=(*funnel.steps[place].alternatives, more)
    )


def _with_condition(funnel: Funnel, chance: random.Random) -> Funnel:
    place = chance.randrange(len(funnel.steps))
    happening = Happening(funnel.steps[place].alternatives[0].event, (("size", "s"),))
    return _changed(funnel, place, alternatives=(happening,))


def _condition(chance: random.Random) -> tuple[tuple[str, str], ...]:
    return chance.choice(((), (("size", "s"),)))


def _with_step_window(funnel: Funnel, chance: random.Random) -> Funnel:
    place = chance.randrange(1, len(funnel.steps))
    return _changed(funnel, place, within=GRID * chance.choice((1, 2, 3)))


def _with_optional_step(funnel: Funnel, chance: random.Random) -> Funnel:
    events = chance.sample(EVENTS[:3], k=chance.choice((1, 2)))
    extra = Step(tuple(map(Happening, events)), is_optional=True)
    place = chance.randint(1, len(funnel.steps))
    before, after = funnel.steps[:place], list(funnel.steps[place:])
    if after:
        after[0] = replace(after[0], within=GRID * chance.choice((1, 2, 3)))
    order = "ordered" if funnel.order == "any_order" else funnel.order
    return replace(funnel, steps=(*before, extra, *after), order=order)


def _with_anchor(funnel: Funnel, chance: random.Random) -> Funnel:
    place = chance.choice((0, 0, chance.randrange(len(funnel.steps))))
    return _changed(replace(funnel, order="any_order"), place, is_anchored=True)


def _with_exclusion(funnel: Funnel, chance: random.Random) -> Funnel:
    after, before = sorted(chance.sample(range(len(funnel.steps)), 2))
    event = chance.choice(("custom.x", "custom.x", "custom.n", "custom.d"))
    exclusion = Exclusion(
        after, before, (Happening(event),), drops_unit=chance.random() < 1 / 3
    )
    return replace(funnel, exclusions=(*funnel.exclusions, exclusion))


def _with_held(funnel: Funnel, chance: random.Random) -> Funnel:
    return replace(
        funnel, held=chance.choice((("colour",), ("size",), ("colour", "size")))
    )


def _with_tolerance(funnel: Funnel, chance: random.Random) -> Funnel:
    seconds = chance.choice((1, 3, 600))
    return replace(funnel, tolerance=timedelta(seconds=seconds))


def _with_noise(funnel: Funnel, chance: random.Random) -> Funnel:
    noise = tuple(map(Happening, chance.sample(EVENTS[3:], k=2)))
    return replace(funnel, order="strict", scope="steps", noise=noise)


def _with_reentry(funnel: Funnel, _: random.Random) -> Funnel:
    return replace(funnel, counting="totals", reentry="latest")


def _with_range(funnel: Funnel, chance: random.Random) -> Funnel:
    first, last = sorted(chance.sample(range(SLOTS), 2))
    return replace(
        funnel,
        entry_from=chance.choice((None, instant(first))),
        entry_to=instant(last),
        clips=chance.random() < HALF,
    )


def _with_breakdown(funnel: Funnel, chance: random.Random) -> Funnel:
    at = chance.choice(
        ("first", "last", "all", "all", chance.randrange(len(funnel.steps)))
    )
    by = Breakdown(chance.choice(("colour", "size")), at, top=chance.choice((1, 2, 10)))
    return replace(funnel, breakdown=by)


_Setting = Callable[[Funnel, random.Random], Funnel]
_SETTINGS: tuple[_Setting, ...] = (
    _with_alternatives,
    _with_condition,
    _with_step_window,
    _with_step_window,
    _with_optional_step,
    _with_optional_step,
    _with_anchor,
    _with_exclusion,
    _with_exclusion,
    _with_held,
    _with_tolerance,
    _with_noise,
    _with_reentry,
    _with_range,
    _with_breakdown,
)


def _changed(funnel: Funnel, place: int, **change: object) -> Funnel:
    steps = list(funnel.steps)
    steps[place] = replace(steps[place], **change)
    return replace(funnel, steps=tuple(steps))


def _tidied(funnel: Funnel, chance: random.Random) -> Funnel:
    """Take out what does not go together, in the order of the registry's rules."""
    steps: Sequence[Step] = funnel.steps
    if funnel.order == "any_order":
        steps = [replace(step, is_optional=False) for step in steps]
    else:
        steps = [replace(step, is_anchored=False) for step in steps]
    required = [place for place, step in enumerate(steps) if not step.is_optional]
    exclusions = tuple(
        replace(each, after=min(ends), before=max(ends))
        for each in funnel.exclusions
        for ends in [chance.sample(required, 2)]
    )
    return replace(funnel, steps=tuple(steps), exclusions=exclusions)
