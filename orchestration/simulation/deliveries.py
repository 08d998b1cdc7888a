"""Deliveries: what arrives of each moment, how often, when and in which day's files."""

from dataclasses import dataclass, fields

import numpy as np

from orchestration.simulation.days import Day
from orchestration.simulation.setting import Setting
from orchestration.simulation.world import DAY, MINUTE, SECOND, SENT_BY_SERVER


@dataclass(frozen=True)
class Deliveries:
    """One element per copy of an event, ordered by the time of receipt.

    Attributes
    ----------
    moment : ndarray
        Index into the day's moments.
    received_at, land_day : ndarray
        When it was received, and in the files of which day of the world it lies.
    is_repeat, is_conflict : ndarray
        A copy sent again unchanged; a copy whose payload differs from the first.
    """

    moment: np.ndarray
    received_at: np.ndarray
    land_day: np.ndarray
    is_repeat: np.ndarray
    is_conflict: np.ndarray

    def at(self, index: np.ndarray) -> "Deliveries":
        """Return the copies at an index."""
        return Deliveries(*(getattr(self, name.name)[index] for name in fields(self)))


def deliver(setting: Setting, day: Day) -> Deliveries:
    """Deliver every moment once, and some of them again."""
    troubles = setting.world.troubles
    dice = setting.world.dice("deliveries", day.number)
    count = len(day.moments)
    start = setting.world.start_of(0)
    land_day = day.land_day.copy()

    draw = dice.random(count)
    repeats = np.flatnonzero(draw < troubles.duplicates)
    # A server that sends again says the same.
    disputed = (draw > 1 - troubles.conflicts) & ~SENT_BY_SERVER[day.moments.name]
    conflicts = np.flatnonzero(disputed)
    soon = dice.integers(1, 60, len(repeats)) * SECOND
    later = dice.integers(1, 40, len(repeats)) * 3_600 * SECOND
    wait = np.where(dice.random(len(repeats)) < 0.5, soon, later)
    repeated_at = day.received_at[repeats] + wait
    disputed_at = (
        day.received_at[conflicts] + dice.integers(1, 50, len(conflicts)) * MINUTE
    )
    disputed_day = (disputed_at - start) // DAY

    # Half of the winners land a day after the copy that they beat. Only where both
    # were received on one day: whether the event has landed must not depend on it.
    swaps = (dice.random(len(conflicts)) < 0.5) & (disputed_day == land_day[conflicts])
    land_day[conflicts[swaps]] += 1

    moment = np.concatenate([np.arange(count), repeats, conflicts])
    received_at = np.concatenate([day.received_at, repeated_at, disputed_at])
    lands = np.concatenate([land_day, (repeated_at - start) // DAY, disputed_day])
    kind = np.repeat([0, 1, 2], [count, len(repeats), len(conflicts)])
    # What lands after the end of the world is not written, so it is not rendered.
    order = np.flatnonzero(lands < setting.world.days)
    order = order[np.argsort(received_at[order], kind="stable")]
    return Deliveries(
        moment=moment[order],
        received_at=received_at[order],
        land_day=lands[order],
        is_repeat=kind[order] == 1,
        is_conflict=kind[order] == 2,
    )
