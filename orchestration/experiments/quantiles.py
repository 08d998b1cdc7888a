"""Comparison of two quantiles of events that belong to units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from orchestration.experiments.means import MeanComparison, compare_estimates
from orchestration.experiments.ratios import PairedSample

FloatArray = NDArray[np.float64]

# How many standard errors of its rank lie between a quantile and the two values beside
# it that tell how dense events are there.
RANK_DISTANCE = float(ndtri(0.975))


@dataclass(frozen=True)
class QuantileSample:
    """The events of one arm around a quantile, one element per comparison.

    Attributes
    ----------
    events : FloatArray, shape (n,)
        Events of the arm.
    value, low_value, high_value : FloatArray, shape (n,)
        The quantile, and the values at the ranks of `rank_bounds`.
    below : PairedSample
        Of each unit, its events at or below `value`, and all its events.
    """

    events: FloatArray
    value: FloatArray
    low_value: FloatArray
    high_value: FloatArray
    below: PairedSample


def rank_bounds(
    fraction: ArrayLike, events: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the fractions at which the values beside a quantile are read.

    Examples
    --------
    >>> [round(float(each), 4) for each in rank_bounds(0.5, 400)]
    [0.451, 0.549]
    """
    share, number = np.broadcast_arrays(
        np.asarray(fraction, float), np.asarray(events, float)
    )
    distance = RANK_DISTANCE * np.sqrt(share * (1 - share) / np.maximum(number, 1))
    return share - distance, share + distance


def compare_quantiles(
    *,
    control: QuantileSample,
    treatment: QuantileSample,
    fraction: ArrayLike,
    alpha: ArrayLike = 0.05,
) -> MeanComparison:
    """Compare a quantile of events, such as the p90 of load times, of two arms.

    Events of one unit resemble each other. The variance is what it were for
    independent events, read off the values beside the quantile, times how much more
    the share of events below it varies over units than over independent events: the
    outer interval with post-adjustment [1]_. The test is a z-test.

    Parameters
    ----------
    control, treatment : QuantileSample
        Arrays of shape (n,).
    fraction : array_like of float, shape (n,)
        Which quantile, strictly between 0 and 1.
    alpha : array_like of float, shape (n,)
        One less the nominal coverage, strictly between 0 and 1.

    Returns
    -------
    MeanComparison
        Arrays of shape (n,); NaN where an arm has too few events for values on both
        sides of the quantile, or where events are equal around it.

    Raises
    ------
    ValueError
        If a fraction or alpha is out of its range.

    References
    ----------
    .. [1] Deng, A., Knoblich, U., Lu, J. (2018). Applying the delta method in metric
       analytics. Proceedings of KDD 2018, section 4.2.
    """
    share = np.asarray(fraction, dtype=float)
    if np.any(~((share > 0) & (share < 1))):
        msg = "fraction must be strictly between 0 and 1"
        raise ValueError(msg)
    return compare_estimates(
        estimates=(control.value, treatment.value),
        variances=(_variance(control, share), _variance(treatment, share)),
        alpha=alpha,
    )


def _variance(arm: QuantileSample, fraction: FloatArray) -> FloatArray:
    low, high = rank_bounds(fraction, arm.events)
    spread = (arm.high_value - arm.low_value) / (2 * RANK_DISTANCE)
    independent = fraction * (1 - fraction) / np.maximum(arm.events, 1)
    variance = spread**2 * arm.below.ratio_variance / independent
    return np.where((low > 0) & (high < 1) & (spread > 0), variance, np.nan)
