"""Experiments and a feature flag with planted effects; who is in which arm."""

from dataclasses import dataclass

import numpy as np

from orchestration.experiments.assignment import bucket_places
from orchestration.simulation.people import CUSTOMER, People
from orchestration.simulation.world import BOOKING_SITES, OCCASION_SITES, World, chosen

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
    places = bucket_places(FLAG_ID, people.user_id.to_list())
    return Assignments(arm=arm, crosses=crosses, flag=places < FLAG_SHARE)
