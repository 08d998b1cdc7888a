"""Relative lift: by which share of the control a treatment is higher."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Lift:
    """Difference over control, one element per comparison.

    Attributes
    ----------
    lift : FloatArray, shape (n,)
        Treatment over control, less 1 (0.1 is ten per cent more); NaN where the
        control is not distinguishable from zero.
    low, high : FloatArray, shape (n,)
        Bounds of its confidence interval; NaN where `lift` is.
    error : FloatArray, shape (n,)
        Its standard error; NaN where `lift` is.
    """

    lift: FloatArray
    low: FloatArray
    high: FloatArray
    error: FloatArray


def relative_lift(
    *,
    control_mean: ArrayLike,
    control_variance: ArrayLike,
    treatment_mean: ArrayLike,
    treatment_variance: ArrayLike,
    alpha: ArrayLike = 0.05,
) -> Lift:
    """Return the relative difference of two independent means or proportions.

    By the delta method, the error of the control included: leaving it out, as if the
    base were known, makes intervals too short [1]_. Near a control of zero the
    method fails, hence nothing is said there.

    Parameters
    ----------
    control_mean, treatment_mean : array_like of float, shape (n,)
        Means or rates.
    control_variance, treatment_variance : array_like of float, shape (n,)
        Variances of these means (not of a unit).
    alpha : array_like of float, shape (n,)
        One less the nominal coverage; also decides what differs from zero.

    Returns
    -------
    Lift
        Arrays of shape (n,).

    Raises
    ------
    ValueError
        If a variance is negative, or alpha is not strictly between 0 and 1.

    References
    ----------
    .. [1] Deng, A., Knoblich, U., Lu, J. (2018). Applying the delta method in metric
       analytics. Proceedings of KDD 2018, section 3.

    Examples
    --------
    >>> found = relative_lift(
    ...     control_mean=[0.20], control_variance=[0.00016],
    ...     treatment_mean=[0.25], treatment_variance=[0.0001875],
    ... )
    >>> [round(float(each[0]), 4) for each in (found.lift, found.low, found.high)]
    [0.25, 0.045, 0.455]
    """
    base, base_variance, mean, variance, level = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(each, dtype=float))
            for each in (
                *(control_mean, control_variance),
                *(treatment_mean, treatment_variance),
                alpha,
            )
        )
    )
    if np.any(base_variance < 0) or np.any(variance < 0):
        msg = "variances must not be negative"
        raise ValueError(msg)
    if np.any(~((level > 0) & (level < 1))):
        msg = "alpha must be strictly between 0 and 1"
        raise ValueError(msg)
    critical = norm.isf(level / 2)
    is_defined = (base != 0) & (np.abs(base) > critical * np.sqrt(base_variance))
    divisor = np.where(is_defined, base, np.nan)
    ratio = mean / divisor
    error = np.sqrt(variance + ratio**2 * base_variance) / np.abs(divisor)
    margin, lift = critical * error, (mean - base) / divisor
    return Lift(lift=lift, low=lift - margin, high=lift + margin, error=error)
