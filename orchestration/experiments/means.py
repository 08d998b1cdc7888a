"""Comparison of two independent means, and of any two estimates with variances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Units of one arm, one element per comparison.

    Attributes
    ----------
    units : FloatArray, shape (n,)
        Units of the arm.
    mean : FloatArray, shape (n,)
        Their mean.
    variance : FloatArray, shape (n,)
        Variance of a unit, with `units` less 1 as divisor; its unit squared.
    """

    units: FloatArray
    mean: FloatArray
    variance: FloatArray

    @classmethod
    def of(cls, units: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> "Sample":
        """Make one of anything like arrays, of one shape."""
        arrays = (
            np.atleast_1d(np.asarray(each, dtype=float))
            for each in (units, mean, variance)
        )
        return cls(*np.broadcast_arrays(*arrays))


@dataclass(frozen=True)
class MeanComparison:
    """Treatment minus control, one element per comparison.

    Attributes
    ----------
    difference, low, high : FloatArray, shape (n,)
        Treatment less control and the bounds of its interval, in the metric's unit.
    statistic : FloatArray, shape (n,)
        The difference in its standard errors; NaN where these are zero or unknown.
    degrees_of_freedom : FloatArray, shape (n,)
        Those of the statistic; infinite where it is a z.
    p_value : FloatArray, shape (n,)
        Two-sided, against a difference of zero; NaN where `statistic` is.
    control_variance, treatment_variance : FloatArray, shape (n,)
        Variances of the two estimates, not of a unit.
    """

    difference: FloatArray
    low: FloatArray
    high: FloatArray
    statistic: FloatArray
    degrees_of_freedom: FloatArray
    p_value: FloatArray
    control_variance: FloatArray
    treatment_variance: FloatArray


def compare_means(
    *, control: Sample, treatment: Sample, alpha: ArrayLike = 0.05
) -> MeanComparison:
    """Compare the means of independent control and treatment units.

    Welch's t-test, which does not assume equal variances [1]_: always, since testing
    for equality first spoils the test that follows.

    Parameters
    ----------
    control, treatment : Sample
        Units, means and variances, arrays of shape (n,).
    alpha : array_like of float, shape (n,)
        One less the nominal coverage, strictly between 0 and 1.

    Returns
    -------
    MeanComparison
        Arrays of shape (n,); NaN where an arm has fewer than two units, or neither
        varies.

    Raises
    ------
    ValueError
        If a variance or a number of units is negative, or alpha is out of its range.

    References
    ----------
    .. [1] Welch, B. L. (1947). The generalization of "Student's" problem when several
       different population variances are involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> found = compare_means(
    ...     control=Sample.of([15], [20.8], [7.9]),
    ...     treatment=Sample.of([15], [23.0], [3.8]),
    ... )
    >>> [round(float(x[0]), 2) for x in (found.statistic, found.degrees_of_freedom)]
    [2.49, 24.94]
    """
    variances = []
    for name, arm in (("control", control), ("treatment", treatment)):
        if np.any(arm.units < 0) or np.any(arm.variance < 0):
            msg = f"units and variances of the {name} must not be negative"
            raise ValueError(msg)
        known = np.where(arm.units >= 2, arm.units, np.nan)  # noqa: PLR2004
        variances.append(arm.variance / known)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (variances[0] + variances[1]) ** 2 / (
            variances[0] ** 2 / (control.units - 1)
            + variances[1] ** 2 / (treatment.units - 1)
        )
    return compare_estimates(
        estimates=(control.mean, treatment.mean),
        variances=(variances[0], variances[1]),
        degrees_of_freedom=freedom,
        alpha=alpha,
    )


def compare_estimates(
    *,
    estimates: tuple[ArrayLike, ArrayLike],
    variances: tuple[ArrayLike, ArrayLike],
    degrees_of_freedom: ArrayLike = np.inf,
    alpha: ArrayLike = 0.05,
) -> MeanComparison:
    """Compare two independent estimates that are normal about their truth.

    Parameters
    ----------
    estimates, variances : pair of array_like of float, shape (n,)
        Those of the control, and those of the treatment.
    degrees_of_freedom : array_like of float, shape (n,)
        Of the t-test; infinite for a z-test.
    alpha : array_like of float, shape (n,)
        One less the nominal coverage, strictly between 0 and 1.

    Returns
    -------
    MeanComparison
        Arrays of shape (n,); NaN where the variance is zero or not a number.

    Raises
    ------
    ValueError
        If alpha is out of its range.
    """
    level = np.asarray(alpha, dtype=float)
    if np.any(~((level > 0) & (level < 1))):
        msg = "alpha must be strictly between 0 and 1"
        raise ValueError(msg)
    pairs = ((estimates[1], estimates[0]), (variances[0], variances[1]))
    (treatment, control), (first, second) = (
        tuple(np.asarray(each, dtype=float) for each in pair) for pair in pairs
    )
    difference = treatment - control
    variance = np.where(first + second > 0, first + second, np.nan)
    error = np.sqrt(variance)
    statistic = difference / error
    freedom = np.broadcast_to(np.asarray(degrees_of_freedom, float), statistic.shape)
    margin = -stdtrit(freedom, level / 2) * error
    return MeanComparison(
        difference=difference,
        low=difference - margin,
        high=difference + margin,
        statistic=statistic,
        degrees_of_freedom=freedom,
        p_value=2 * stdtr(freedom, -np.abs(statistic)),
        control_variance=first,
        treatment_variance=second,
    )
