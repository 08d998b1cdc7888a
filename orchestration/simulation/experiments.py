"""Experiments and a feature flag with planted effects; who is in which arm."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from orchestration.simulation.people import CUSTOMER, People
from orchestration.simulation.world import BOOKING_SITES, OCCASION_SITES, World, chosen

FNV_OFFSET = 0x811C9DC5
FNV_PRIME = 0x01000193
FLAG_ID = "new_checkout"
FLAG_SHARE = 0.30


@dataclass(frozen=True)
class Experiment:
    """One planted experiment.

    Attributes
    ----------
    weights, drawn : tuple of float
        The declared weights, and those really used (they differ where a sample ratio
        mismatch is planted).
    factors : tuple of float
        What each arm multiplies the chance of the goal with.
    goal : str
        `booking_attempt`, `purchase` or `registration`.
    """

    experiment_id: str
    arms: tuple[str, ...]
    weights: tuple[float, ...]
    drawn: tuple[float, ...]
    factors: tuple[float, ...]
    goal: str
    sites: tuple[int, ...]
    first_day: int
    share: float = 1.0
    crossed_share: float = 0.0


EXPERIMENTS = (
    Experiment(
        experiment_id="checkout_button",
        arms=("control", "treatment"),
        weights=(0.5, 0.5),
        drawn=(0.5, 0.5),
        factors=(1.0, 1.6),
        goal="booking_attempt",
        sites=BOOKING_SITES,
        first_day=3,
    ),
    Experiment(
        experiment_id="search_ranking",
        arms=("control", "treatment"),
        weights=(0.5, 0.5),
        drawn=(0.5, 0.5),
        factors=(1.0, 1.0),
        goal="booking_attempt",
        sites=BOOKING_SITES,
        first_day=5,
        share=0.8,
        crossed_share=0.02,
    ),
    Experiment(
        experiment_id="cart_summary",
        arms=("control", "short", "long"),
        weights=(0.4, 0.3, 0.3),
        drawn=(0.4, 0.3, 0.3),
        factors=(1.0, 1.4, 0.6),
        goal="purchase",
        sites=OCCASION_SITES,
        first_day=0,
    ),
    Experiment(
        experiment_id="welcome_banner",
        arms=("control", "treatment"),
        weights=(0.5, 0.5),
        drawn=(0.62, 0.38),
        factors=(1.0, 1.0),
        goal="registration",
        sites=(0, 1, 2, 3, 4),
        first_day=2,
    ),
)


@dataclass(frozen=True)
class Assignments:
    """Arms per experiment and person (-1: not enrolled), and the value of the flag."""

    arm: np.ndarray
    crosses: np.ndarray
    flag: np.ndarray

    def factor(self, goal: str, day: int) -> np.ndarray:
        """Return what each person's chance of a goal is multiplied with on a day."""
        factor = np.ones(self.arm.shape[1])
        for number, experiment in enumerate(EXPERIMENTS):
            if experiment.goal == goal and day >= experiment.first_day:
                factors = np.array([*experiment.factors, 1.0])
                factor *= factors[self.arm[number]]
        return factor


def assign(world: World, people: People) -> Assignments:
    """Draw an arm for every customer in every experiment."""
    size = len(people.kind)
    arm = np.full((len(EXPERIMENTS), size), -1)
    crosses = np.zeros((len(EXPERIMENTS), size), dtype=bool)
    for number, experiment in enumerate(EXPERIMENTS):
        dice = world.dice(f"experiment {experiment.experiment_id}")
        drawn = chosen(dice, np.array(experiment.drawn), size)
        enrolled = (dice.random(size) < experiment.share) & (people.kind == CUSTOMER)
        arm[number] = np.where(enrolled, drawn, -1)
        crosses[number] = enrolled & (dice.random(size) < experiment.crossed_share)
    return Assignments(
        arm=arm, crosses=crosses, flag=buckets(FLAG_ID, people.user_id) < FLAG_SHARE
    )


def buckets(seed: str, units: pl.Series) -> np.ndarray:
    """Return each unit's place in [0, 1) by GrowthBook's second hash (SEMANTICS 2.10).

    Units must be equally long, which ours are.
    """
    letters = np.array(units.to_list(), dtype=np.bytes_)
    table = letters.view(np.uint8).reshape(len(letters), -1)
    first = np.full(len(table), FNV_OFFSET, dtype=np.uint64)
    for letter in seed.encode():
        first = _fnv_step(first, np.uint64(letter))
    for column in table.T:
        first = _fnv_step(first, column.astype(np.uint64))

    second = np.full(len(table), FNV_OFFSET, dtype=np.uint64)
    for power in range(9, -1, -1):
        scaled = first // np.uint64(10**power)
        digit = scaled % np.uint64(10) + np.uint64(ord("0"))
        # Leading zeros are not written, except the last digit of 0 itself.
        second = np.where((scaled > 0) | (power == 0), _fnv_step(second, digit), second)
    return (second % np.uint64(10_000)) / 10_000


def _fnv_step(value: np.ndarray, byte: np.ndarray | np.uint64) -> np.ndarray:
    return ((value ^ byte) * np.uint64(FNV_PRIME)) & np.uint64(0xFFFFFFFF)
