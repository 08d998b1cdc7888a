"""Visits of one day: who comes, on which device, from where and to do what.

A visit is what a person sets out to do; it makes one session, or two where a silence
is planted inside it (see `moments`).
"""

from dataclasses import dataclass, fields

import numpy as np

from orchestration.simulation.catalogue import ARRIVALS, CAMPAIGNS
from orchestration.simulation.people import (
    BOT,
    FUTURE_CLOCK,
    NOBODY,
    PROVIDER,
    Devices,
    People,
)
from orchestration.simulation.setting import Setting
from orchestration.simulation.world import (
    BOOKING_SITES,
    DAY,
    HOUR,
    LATEST,
    MILLISECOND,
    OCCASION_SITES,
    World,
    chosen,
)

ANONYMOUS, LOGGED_IN, LOGS_IN, REGISTERS, SWITCHES = range(5)
# Visits per hour of the day (UTC), and per weekday from Monday.
HOURS = np.array(
    [2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 9, 8, 7, 7, 8, 10, 12, 13, 12, 9, 6, 4]
)
WEEKDAYS = np.array([1.0, 1.0, 1.02, 1.0, 0.95, 1.15, 1.1])
DROP_DAY = 26
DROP_FACTOR = 0.3


@dataclass
class Visits:
    """One element per visit, in order of (person, draw)."""

    number: np.ndarray
    person: np.ndarray
    device: np.ndarray
    site: np.ndarray
    start: np.ndarray
    mode: np.ndarray
    arrival: np.ndarray
    size: np.ndarray
    depth: np.ndarray
    books: np.ndarray
    target: np.ndarray
    delay: np.ndarray

    def __len__(self) -> int:
        """Return how many visits there are."""
        return len(self.person)

    def at(self, index: np.ndarray) -> "Visits":
        """Return the visits at an index or mask."""
        return Visits(*(getattr(self, name.name)[index] for name in fields(self)))


@dataclass
class Progress:
    """What a day hands to the next one."""

    is_registered: np.ndarray
    busy_until: np.ndarray
    last_user: np.ndarray
    visit_count: int = 0

    @classmethod
    def at_start(cls, people: People, devices: Devices) -> "Progress":
        """Return the state before the first day."""
        count = len(devices.owner)
        return cls(
            is_registered=people.register_day < 0,
            busy_until=np.zeros(count, dtype=np.int64),
            last_user=np.full(count, NOBODY),
        )


def draw_visits(
    setting: Setting, progress: Progress, day: int, *, of_providers: bool
) -> Visits:
    """Draw the visits of one day: those of providers, or those of everybody else."""
    world, people, devices = setting.world, setting.people, setting.devices
    dice = world.dice("provider visits" if of_providers else "visits", day)
    who = (people.kind == PROVIDER) == of_providers
    person = _who_comes(world, day, who, people, dice)
    count = len(person)
    device = _on_which_device(person, people, dice)
    start = _when(world, day, dice, count) + devices.micro[device]
    site = np.where(
        dice.random(count) < 0.8, people.site[person], dice.integers(0, 5, count)
    )
    is_bot = people.kind[person] == BOT
    is_single = (dice.random(count) < 0.15) & ~is_bot
    # What clamped clocks do to the order inside a visit, nobody could undo or foresee.
    is_single |= people.kind[person] == FUTURE_CLOCK
    size = np.where(is_single, 1, 3 + dice.geometric(0.12, count))
    size = np.where(is_bot, dice.integers(20, 60, count), size)

    visits = Visits(
        number=progress.visit_count + np.arange(count),
        person=person,
        device=device,
        site=site,
        start=start,
        mode=np.zeros(count, dtype=np.int64),
        arrival=_from_where(day, is_bot, dice, count),
        size=size,
        depth=np.zeros(count, dtype=np.int64),
        books=np.zeros(count, dtype=bool),
        target=np.full(count, NOBODY),
        delay=_how_late(world, devices.is_mobile[device] & ~is_bot, dice)
        * (people.kind[person] != FUTURE_CLOCK),
    )
    progress.visit_count += count
    visits.mode = _how_known(day, visits, is_single, people, progress, dice)
    if not of_providers:
        _draw_intents(setting, day, visits, is_single, dice)
    return visits


def _who_comes(
    world: World, day: int, who: np.ndarray, people: People, dice: np.random.Generator
) -> np.ndarray:
    weekday = WEEKDAYS[world.date_of(day).weekday()]
    rate = people.rate * weekday * (people.arrival_day <= day) * who
    if day == DROP_DAY:
        rate = rate * DROP_FACTOR
    return np.repeat(np.arange(len(rate)), dice.poisson(rate))


def _on_which_device(
    person: np.ndarray, people: People, dice: np.random.Generator
) -> np.ndarray:
    draw = dice.random(len(person))
    device = people.main_device[person]
    second, shared = people.second_device[person], people.shared_device[person]
    device = np.where((second >= 0) & (draw < 0.35), second, device)
    return np.where((shared >= 0) & (draw > 0.6), shared, device)


def _when(world: World, day: int, dice: np.random.Generator, count: int) -> np.ndarray:
    hour = chosen(dice, HOURS, count)
    inside = dice.integers(0, HOUR // MILLISECOND, count) * MILLISECOND
    return world.start_of(day) + hour * HOUR + inside


def _from_where(
    day: int, is_bot: np.ndarray, dice: np.random.Generator, count: int
) -> np.ndarray:
    """Return how each visit arrived: a campaign, or after those one of ARRIVALS."""
    weights = [weight if day >= first else 0 for *_, weight, _, first in CAMPAIGNS]
    weights += [weight for *_, weight in ARRIVALS]
    arrival = chosen(dice, np.array(weights), count)
    return np.where(is_bot, len(CAMPAIGNS), arrival)


def _how_late(
    world: World, is_mobile: np.ndarray, dice: np.random.Generator
) -> np.ndarray:
    """Return by how much a whole visit is delivered late: a phone without a network."""
    count = len(is_mobile)
    draw = dice.random(count)
    # Phones lose the network more often; the shares hold over all visits.
    weight = np.where(is_mobile, 2.0, 0.4)
    late = draw < world.troubles.late * weight
    very_late = draw > 1 - world.troubles.very_late * weight
    short = dice.integers(DAY // MILLISECOND, LATEST // MILLISECOND, count)
    long = dice.integers(10 * DAY // MILLISECOND, 40 * DAY // MILLISECOND, count)
    return np.where(late, short, np.where(very_late, long, 0)) * MILLISECOND


def _how_known(
    day: int,
    visits: Visits,
    is_single: np.ndarray,
    people: People,
    progress: Progress,
    dice: np.random.Generator,
) -> np.ndarray:
    """Return whether and how each visit becomes known as its person's."""
    person = visits.person
    draw = dice.random(len(person))
    known = progress.is_registered[person]
    mode = np.where(draw < 0.72, LOGGED_IN, np.where(draw < 0.88, LOGS_IN, ANONYMOUS))
    mode = np.where(is_single & (mode == LOGS_IN), LOGGED_IN, mode)
    partner = people.partner[person]
    can_switch = (partner >= 0) & (visits.device == people.shared_device[person])
    can_switch &= progress.is_registered[partner] & ~is_single
    mode = np.where(can_switch & (dice.random(len(person)) < 0.15), SWITCHES, mode)
    mode = np.where(people.kind[person] == PROVIDER, LOGGED_IN, mode)
    mode = np.where(known, mode, ANONYMOUS)

    ready = ~known & ~is_single & (people.register_day[person] <= day)
    ready &= visits.device == people.main_device[person]
    ready = np.flatnonzero(ready)
    first = ready[np.lexsort((visits.start[ready], person[ready]))]
    newcomers, where = np.unique(person[first], return_index=True)
    mode[first[where]] = REGISTERS
    progress.is_registered[newcomers] = True
    return mode


def _draw_intents(
    setting: Setting,
    day: int,
    visits: Visits,
    is_single: np.ndarray,
    dice: np.random.Generator,
) -> None:
    """Decide what is bought or booked; a registered person can do either."""
    world, catalogue = setting.world, setting.catalogue
    assignments = setting.assignments
    count, person = len(visits), visits.person
    is_customer = ~is_single & (visits.person < world.persons)
    is_known = visits.mode != ANONYMOUS
    chance = np.where(is_known, 0.22, 0.03)
    chance = chance * assignments.factor("booking_attempt", day)[person]
    visits.books = is_customer & np.isin(visits.site, BOOKING_SITES)
    visits.books &= dice.random(count) < chance

    buys = 0.30 * assignments.factor("purchase", day)[person]
    draw = dice.random(count)
    step = dice.random(count)
    depth = np.where(draw < 0.75, 1 + (step < 0.7), 0)
    depth = np.where((depth == 2) & (dice.random(count) < 0.45), 3, depth)
    depth = np.where(
        (depth == 3) & (dice.random(count) < buys * 2) & is_known, 4, depth
    )
    depth = np.where(is_customer & np.isin(visits.site, OCCASION_SITES), depth, 0)

    pick = dice.random(count)
    for site in BOOKING_SITES:
        offered = catalogue.listings_of(site)
        mine = visits.books & (visits.site == site)
        visits.target[mine] = offered[(pick[mine] ** 1.5 * len(offered)).astype(int)]
    for site in OCCASION_SITES:
        offered = catalogue.on_sale(day, site, world.start_of(day))
        mine = (depth > 0) & (visits.site == site)
        if len(offered):
            visits.target[mine] = offered[
                (pick[mine] ** 1.5 * len(offered)).astype(int)
            ]
        else:
            depth[mine] = 0
    visits.depth = depth
