"""How often estimates are wrong, by simulation through what results use."""

import numpy as np
import pytest
from scipy.stats import binom

from orchestration.experiments.arms import Arm, Comparison, Measured, Terms
from orchestration.experiments.estimates import estimate
from orchestration.experiments.sample_size import Design, proportion_power
from orchestration.experiments.sequences import confidence_sequence

SEED = 20_261_120


def planted(count, rates):
    """Draw counts of as many experiments as replicates; return their estimates."""
    random = np.random.default_rng(SEED)
    units = 1_094
    drawn = [random.binomial(units, rate, count) for rate in rates]
    return estimate(
        [
            Comparison(
                f"e{place}",
                Measured("buys"),
                Arm("control", units, int(control), 0),
                Arm("treatment", units, int(treatment), 0),
                Terms(decision="fixed"),
            )
            for place, (control, treatment) in enumerate(zip(*drawn, strict=True))
        ]
    )


def test_planted_effects_are_found_as_often_as_computed():
    """1,094 units an arm find .25 over .20 with a power of .80 (see sample sizes)."""
    replicates = 400
    known = {"control_rate": 0.2, "difference": 0.05, "control_units": 1_094}
    power = float(proportion_power(**known, design=Design())[0])
    assert power == pytest.approx(0.8, abs=1e-3)
    low, high = binom.interval(0.999, replicates, power)
    found = planted(replicates, (0.2, 0.25))
    assert low <= (found.p_value < 0.05).sum() <= high


def test_intervals_of_proportions_cover_the_truth_as_often_as_they_say():
    found = planted(4_000, (0.2, 0.25))
    covered = (found.low <= 0.05) & (found.high >= 0.05)
    low, high = binom.interval(0.999, 4_000, 0.95)
    assert low <= covered.sum() <= high
    always = (found.sequential_low <= 0.05) & (found.sequential_high >= 0.05)
    assert always.sum() >= low


def test_sixty_nightly_looks_at_means_keep_the_truth_inside():
    """At .05 of 1,000, the 99.9 % binomial bound is 74; of skewed spending."""
    random = np.random.default_rng(SEED)
    looks, daily, replicates = 60, 40, 1_000
    units = daily * np.arange(1, looks + 1)
    shape = (replicates, looks)
    arms = []
    for _ in range(2):
        days = random.gamma(0.5, 20, (replicates * looks, daily)).astype(np.float32)
        sums = days.sum(axis=1).reshape(shape).cumsum(axis=1) / units
        squares = (days**2).sum(axis=1).reshape(shape).cumsum(axis=1) / units
        arms.append((sums, (squares - sums**2) / units))
    found = confidence_sequence(
        difference=(arms[1][0] - arms[0][0]).ravel(),
        variance=(arms[0][1] + arms[1][1]).ravel(),
        units=np.broadcast_to(2 * units, shape).ravel(),
    )
    is_out = ((found.low > 0) | (found.high < 0)).reshape(shape)
    assert is_out.any(axis=1).sum() <= 74
