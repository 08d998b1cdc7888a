"""How many units a comparison of two arms needs, and what a number of units detects."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

FloatArray = NDArray[np.float64]
NullVariance = Literal["pooled", "control", "unpooled"]

# Halving [0, 1] this often leaves 1e-18: below the spacing of doubles near 1.
BISECTIONS = 60
# A size whose fraction is rounding error of its computation is that whole number.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Design:
    """What a two-sided z-test of two arms is planned with.

    Attributes
    ----------
    alpha : float
        Probability of a difference being claimed where there is none.
    power : float
        Probability of a real difference being found.
    allocation : float
        Treatment units per control unit; 1 is the same number in both.
    null_variance : {"pooled", "control", "unpooled"}
        What the standard error under the null rests on: the pooled rate, as the test
        does; the control rate, as Evan Miller's calculator does; both rates.
    """

    alpha: float = 0.05
    power: float = 0.80
    allocation: float = 1.0
    null_variance: NullVariance = "pooled"

    def __post_init__(self) -> None:
        """Refuse what is no probability, and an arm without units."""
        for name in ("alpha", "power"):
            if not 0 < getattr(self, name) < 1:
                msg = f"{name} must be between 0 and 1, got {getattr(self, name)}"
                raise ValueError(msg)
        if not self.allocation > 0:
            msg = f"allocation must be above 0, got {self.allocation}"
            raise ValueError(msg)


@dataclass(frozen=True)
class SampleSize:
    """Units per arm, one element per comparison.

    Attributes
    ----------
    control_units, treatment_units : FloatArray, shape (n,)
        Whole numbers of units.
    """

    control_units: FloatArray
    treatment_units: FloatArray

    @property
    def units(self) -> FloatArray:
        """Units of both arms together, shape (n,)."""
        return self.control_units + self.treatment_units


def proportion_sample_size(
    *, control_rate: ArrayLike, difference: ArrayLike, design: Design
) -> SampleSize:
    """Return the units that a difference of two proportions needs.

    The usual normal approximation: the distance between the critical value under the
    null and the quantile of the power under the alternative equals the difference
    [1]_. Sizes are rounded up; with the variance of the control alone they are rounded
    to the nearest, because that choice exists to reproduce a calculator that does
    [2]_.

    Parameters
    ----------
    control_rate : array_like of float, shape (n,)
        Rate without the change, strictly between 0 and 1.
    difference : array_like of float, shape (n,)
        Treatment rate minus control rate, not 0; both rates lie within 0 and 1.
    design : Design
        Alpha, power, allocation and what the null's variance rests on.

    Returns
    -------
    SampleSize
        Arrays of shape (n,).

    Raises
    ------
    ValueError
        If a rate is out of its range, or a difference is 0.

    References
    ----------
    .. [1] Fleiss, J. L., Levin, B., Paik, M. C. (2003). Statistical Methods for
       Rates and Proportions, 3rd ed., chapter 4.
    .. [2] Miller, E. Sample Size Calculator, evanmiller.org/ab-testing.

    Examples
    --------
    >>> for null_variance in ("pooled", "control", "unpooled"):
    ...     size = proportion_sample_size(
    ...         control_rate=[0.20], difference=[0.05],
    ...         design=Design(null_variance=null_variance),
    ...     )
    ...     print(int(size.control_units[0]))
    1094
    1030
    1091
    """
    control, difference = _rates(control_rate, difference)
    if np.any(difference == 0):
        msg = "difference must not be 0"
        raise ValueError(msg)
    null, alternative = _variances(control, control + difference, design)
    exact = _needed(null, alternative, difference, design)
    if design.null_variance == "control":
        return SampleSize(np.rint(exact), np.rint(exact * design.allocation))
    return SampleSize(_up(exact), _up(exact * design.allocation))


def mean_sample_size(
    *, variance: ArrayLike, difference: ArrayLike, design: Design
) -> SampleSize:
    """Return the units that a difference of two means needs, each of one variance.

    Parameters
    ----------
    variance : array_like of float, shape (n,)
        Variance of a unit's value, above 0, in the square of the value's unit.
    difference : array_like of float, shape (n,)
        Treatment mean minus control mean, not 0.
    design : Design
        Alpha, power and allocation; what the null's variance rests on is no question.

    Returns
    -------
    SampleSize
        Arrays of shape (n,), rounded up.

    Raises
    ------
    ValueError
        If a variance is not above 0, or a difference is 0.

    Examples
    --------
    >>> size = mean_sample_size(
    ...     variance=[100.0], difference=[0.3], design=Design(power=0.85)
    ... )
    >>> int(size.units[0])  # G*Power, by the t distribution: 39,906
    39904
    """
    spread, difference = np.broadcast_arrays(
        np.atleast_1d(np.asarray(variance, dtype=float)),
        np.atleast_1d(np.asarray(difference, dtype=float)),
    )
    if np.any(~(spread > 0)) or np.any(difference == 0):
        msg = "variance must be above 0 and difference must not be 0"
        raise ValueError(msg)
    total = spread * (1 + 1 / design.allocation)
    exact = _needed(total, total, difference, design)
    return SampleSize(_up(exact), _up(exact * design.allocation))


def proportion_power(
    *,
    control_rate: ArrayLike,
    difference: ArrayLike,
    control_units: ArrayLike,
    design: Design,
) -> FloatArray:
    """Return the probability of finding a difference with so many units.

    The probability of the statistic passing the critical value on the side of the
    difference; passing it on the other is no finding. `design.power` is not used.

    Parameters
    ----------
    control_rate, difference : array_like of float, shape (n,)
        As in `proportion_sample_size`.
    control_units : array_like of float, shape (n,)
        Units of the control, at least 1; the treatment has `design.allocation` times
        as many.

    Returns
    -------
    FloatArray, shape (n,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a rate is out of its range, or an arm has no units.

    Examples
    --------
    >>> power = proportion_power(
    ...     control_rate=[0.2], difference=[0.05], control_units=[1094], design=Design()
    ... )
    >>> round(float(power[0]), 4)
    0.8001
    """
    control, difference = _rates(control_rate, difference)
    units = _units(control_units)
    return _power(control, control + difference, units, design)


def detectable_difference(
    *, control_rate: ArrayLike, control_units: ArrayLike, design: Design
) -> FloatArray:
    """Return the smallest increase that so many units find with the wanted power.

    The inverse of `proportion_sample_size` by bisection, before rounding.

    Parameters
    ----------
    control_rate : array_like of float, shape (n,)
        Rate without the change, strictly between 0 and 1.
    control_units : array_like of float, shape (n,)
        Units of the control, at least 1.
    design : Design
        Alpha, power, allocation and what the null's variance rests on.

    Returns
    -------
    FloatArray, shape (n,)
        Treatment rate minus control rate, above 0; NaN where not even everybody
        converting would be found.

    Raises
    ------
    ValueError
        If a rate is out of its range, or an arm has no units.
    """
    control, _ = _rates(control_rate, 0.0)
    units = _units(control_units)
    control, units = np.broadcast_arrays(control, units)
    low, high = np.zeros_like(control), 1 - control
    found_at_most = _power(control, np.ones_like(control), units, design)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_enough = _power(control, control + middle, units, design) >= design.power
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    return np.where(found_at_most >= design.power, high, np.nan)


def _power(
    control: FloatArray, treatment: FloatArray, units: FloatArray, design: Design
) -> FloatArray:
    null, alternative = _variances(control, treatment, design)
    critical = norm.isf(design.alpha / 2)
    distance = np.abs(treatment - control) * np.sqrt(units)
    return norm.cdf((distance - critical * np.sqrt(null)) / np.sqrt(alternative))


def _variances(
    control: FloatArray, treatment: FloatArray, design: Design
) -> tuple[FloatArray, FloatArray]:
    """Variance of the difference times control units: under the null, and really."""
    share = design.allocation
    alternative = control * (1 - control) + treatment * (1 - treatment) / share
    if design.null_variance == "unpooled":
        return alternative, alternative
    assumed = (
        control
        if design.null_variance == "control"
        else (control + share * treatment) / (1 + share)
    )
    return assumed * (1 - assumed) * (1 + 1 / share), alternative


def _needed(
    null: FloatArray, alternative: FloatArray, difference: FloatArray, design: Design
) -> FloatArray:
    critical = norm.isf(design.alpha / 2)
    reach = critical * np.sqrt(null) + norm.ppf(design.power) * np.sqrt(alternative)
    return (reach / difference) ** 2


def _rates(
    control_rate: ArrayLike, difference: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    control, distance = np.broadcast_arrays(
        np.atleast_1d(np.asarray(control_rate, dtype=float)),
        np.atleast_1d(np.asarray(difference, dtype=float)),
    )
    if np.any(~((control > 0) & (control < 1))):
        msg = "control_rate must be strictly between 0 and 1"
        raise ValueError(msg)
    treatment = control + distance
    if np.any(~((treatment >= 0) & (treatment <= 1))):
        msg = "control_rate plus difference must lie between 0 and 1"
        raise ValueError(msg)
    return control, distance


def _units(control_units: ArrayLike) -> FloatArray:
    units = np.atleast_1d(np.asarray(control_units, dtype=float))
    if np.any(~(units >= 1)):
        msg = "control_units must be at least 1"
        raise ValueError(msg)
    return units


def _up(size: FloatArray) -> FloatArray:
    return np.maximum(1, np.ceil(size * (1 - ROUNDING)))
