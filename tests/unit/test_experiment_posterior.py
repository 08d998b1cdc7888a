"""The posterior of a lift against one summed up over a grid."""

import numpy as np
import pytest
from scipy.stats import norm

from orchestration.experiments.arms import Arm, Counted, Measured, Sums, Terms
from orchestration.experiments.lift import Lift
from orchestration.experiments.posterior import lift_posterior
from orchestration.experiments.results import conclude_results


def measured(lift, error):
    return Lift(*(np.array([each]) for each in (lift, np.nan, np.nan, error)))


def on_a_grid(lift, error, mean, deviation):
    """Multiply what was believed and what was measured, point by point."""

    def logarithm(grid):
        return norm.logpdf(grid, mean, deviation) + norm.logpdf(lift, grid, error)

    coarse = np.linspace(min(lift, mean), max(lift, mean), 10_001)
    peak = coarse[logarithm(coarse).argmax()]
    grid = peak + np.linspace(-12, 12, 200_001) * min(error, deviation)
    weight = np.exp(logarithm(grid) - logarithm(peak))
    return grid, weight / weight.sum()


def test_the_posterior_is_that_of_a_grid():
    random = np.random.default_rng(20_261_120)
    for _ in range(40):
        error, deviation = np.exp(random.uniform(np.log(0.01), np.log(1), 2))
        lift, mean = random.normal(0, 0.5, 2)
        is_higher_better = bool(random.random() < 0.5)
        found = lift_posterior(
            measured(lift, error),
            prior_mean=mean,
            prior_deviation=deviation,
            is_higher_better=is_higher_better,
            alpha=0.1,
        )
        grid, weight = on_a_grid(lift, error, mean, deviation)
        gain = grid if is_higher_better else -grid
        assert found.lift[0] == pytest.approx((grid * weight).sum(), abs=1e-6)
        near = {"abs": 1e-4}
        assert found.chance_better[0] == pytest.approx(weight[gain > 0].sum(), **near)
        loss = (np.maximum(-gain, 0) * weight).sum()
        assert found.expected_loss[0] == pytest.approx(loss, **near)
        below, above = (
            weight[grid < bound].sum() for bound in (found.low[0], found.high[0])
        )
        assert (below, above) == pytest.approx((0.05, 0.95), **near)


def test_who_expected_nothing_believes_what_was_measured():
    found = lift_posterior(measured(0.1, 0.05), prior_mean=0, prior_deviation=np.inf)
    assert found.lift[0] == pytest.approx(0.1)
    assert found.high[0] == pytest.approx(0.1 + norm.isf(0.025) * 0.05)


def test_far_out_a_loss_is_never_below_nothing():
    errors = np.exp(np.linspace(-12, 0, 200))
    found = lift_posterior(measured(1.0, errors), prior_mean=0, prior_deviation=10)
    assert (found.expected_loss >= 0).all()


def test_a_prior_without_spread_is_refused():
    with pytest.raises(ValueError, match="prior_deviation"):
        lift_posterior(measured(0.1, 0.05), prior_mean=0, prior_deviation=0)


@pytest.mark.parametrize(("better", "is_likely"), [("higher", True), ("lower", False)])
def test_results_have_a_posterior_where_the_experiment_names_a_prior(better, is_likely):
    arms = (Arm("control", 1000, 200, 0), Arm("treatment", 1000, 240, 0))
    metrics = ((Measured("buys", better=better), arms),)
    asked = Counted("asked", Terms(prior_mean=0, prior_deviation=0.3), metrics, 7)
    silent = Counted("silent", Terms(), metrics, 7)
    with_prior, without = conclude_results([asked, silent])
    assert 0 < (with_prior.posterior_lift or 0) < (with_prior.lift or 0)
    assert ((with_prior.chance_better or 0) > 0.95) == is_likely
    assert without.posterior_lift is without.chance_better is None
    assert without.expected_loss is None
    assert with_prior.verdict == without.verdict


def test_rates_without_spread_have_no_posterior():
    arms = (Arm("control", 1000, 1000, 0), Arm("treatment", 1000, 1000, 0))
    terms = Terms(prior_mean=0, prior_deviation=0.3)
    (result,) = conclude_results([Counted("e", terms, ((Measured("buys"), arms),), 7)])
    assert result.posterior_lift is None


@pytest.mark.parametrize(("better", "is_likely"), [("higher", True), ("lower", False)])
def test_less_loss_is_a_gain(better, is_likely):
    """Arms that lose 10 and 8 a unit, with a standard deviation of 2."""
    arms = [
        Arm(name, 1000, 900, 0, sums=Sums(1000 * mean, 1000 * (mean**2 + 4)))
        for name, mean in (("control", -10), ("treatment", -8))
    ]
    terms = Terms(prior_mean=0, prior_deviation=0.3)
    metrics = ((Measured("margin", type="mean", better=better), tuple(arms)),)
    (result,) = conclude_results([Counted("e", terms, metrics, 7)])
    assert result.lift == pytest.approx(-0.2)
    assert ((result.chance_better or 0) > 0.95) == is_likely
    assert ((result.expected_loss or 0) < 0.01) == is_likely
