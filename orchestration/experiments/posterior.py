"""What to believe of a lift, given what was believed before and what was measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from orchestration.experiments.lift import Lift

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Posterior:
    """Belief about a relative difference, one element per comparison; NaN if none.

    Attributes
    ----------
    lift, low, high : FloatArray, shape (n,)
        Its mean, and the bounds between which it lies with probability 1 - alpha.
    chance_better : FloatArray, shape (n,)
        Probability that the treatment is better.
    expected_loss : FloatArray, shape (n,)
        By how much it is worse on average, where not being worse counts as zero: what
        choosing it risks, as a share of the control.
    """

    lift: FloatArray
    low: FloatArray
    high: FloatArray
    chance_better: FloatArray
    expected_loss: FloatArray


def lift_posterior(
    lift: Lift,
    *,
    prior_mean: ArrayLike,
    prior_deviation: ArrayLike,
    is_higher_better: ArrayLike = True,
    alpha: ArrayLike = 0.05,
) -> Posterior:
    """Weigh a measured lift and a normal prior by their precisions [1]_.

    It does not pay for being looked at every night, as a confidence sequence does, and
    its chance is no p-value: it is right as often as the prior is.

    Parameters
    ----------
    lift : Lift
        As measured, arrays of shape (n,).
    prior_mean, prior_deviation : array_like of float, shape (n,)
        Of the lifts expected before; an infinite deviation expects nothing, NaN asks
        for no posterior.
    is_higher_better : array_like of bool, shape (n,)
        Whether a higher lift is good: of a control below zero, where a lower value is.
    alpha : array_like of float, shape (n,)
        One less the probability of the interval, strictly between 0 and 1.

    Returns
    -------
    Posterior
        Arrays of shape (n,).

    Raises
    ------
    ValueError
        If a deviation is not above zero.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, third edition, section
       2.5; the loss is the unit normal loss of Raiffa, H., Schlaifer, R. (1961),
       Applied Statistical Decision Theory, section 11.3.

    Examples
    --------
    A lift of 0.10 with an error of 0.05, where most lifts are within 0.05.

    >>> measured = Lift(*(np.array([each]) for each in (0.10, 0.002, 0.198, 0.05)))
    >>> found = lift_posterior(measured, prior_mean=0, prior_deviation=0.05)
    >>> [round(float(x[0]), 4) for x in (found.lift, found.low, found.chance_better)]
    [0.05, -0.0193, 0.9214]
    """
    expected, deviation = (
        np.asarray(each, dtype=float) for each in (prior_mean, prior_deviation)
    )
    if np.any(deviation <= 0):
        msg = "prior_deviation must be above 0"
        raise ValueError(msg)
    with np.errstate(divide="ignore", invalid="ignore"):
        measured, prior = 1 / np.square(lift.error), 1 / np.square(deviation)
        # A measurement without error, of units that do not vary, says nothing.
        precision = np.where(np.isfinite(measured), measured, np.nan) + prior
        mean = (measured * lift.lift + prior * expected) / precision
        error = np.sqrt(1 / precision)
    margin = norm.isf(np.asarray(alpha, dtype=float) / 2) * error
    gain = np.where(is_higher_better, mean, -mean)
    distance = gain / error
    loss = error * norm.pdf(distance) - gain * norm.sf(distance)
    return Posterior(
        lift=mean,
        low=mean - margin,
        high=mean + margin,
        chance_better=norm.cdf(distance),
        # Far out the two differ by less than their rounding.
        expected_loss=np.maximum(loss, 0),
    )
