"""Comparison of two independent proportions."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import fisher_exact, norm

from orchestration.experiments.crossings import crossing

FloatArray = NDArray[np.float64]


# Of half an interval; nearer the score itself is rounding.
TOLERANCE = 1e-13


@dataclass(frozen=True)
class ProportionComparison:
    """Treatment minus control, one element per comparison.

    Attributes
    ----------
    difference : FloatArray, shape (n,)
        Treatment rate minus control rate (0.01 is one percentage point).
    low, high : FloatArray, shape (n,)
        Bounds of the confidence interval for `difference`, same unit, right to about
        1e-8; on which side of zero they lie follows from `p_value` exactly.
    statistic : FloatArray, shape (n,)
        The z statistic of a difference of zero; NaN where `p_value` is.
    p_value : FloatArray, shape (n,)
        Two-sided p-value against a difference of zero; NaN where nobody or
        everybody converted in both groups, since the rates then carry no
        information about their spread.
    smallest_expected_count : FloatArray, shape (n,)
        The smallest expected cell of the 2x2 table under equal rates. No verdict
        rests on the z-test where it is below 5.
    control_variance, treatment_variance : FloatArray, shape (n,)
        Variances of the two rates, each on its own, in squared fractions.
    """

    difference: FloatArray
    low: FloatArray
    high: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    smallest_expected_count: FloatArray
    control_variance: FloatArray
    treatment_variance: FloatArray


@dataclass(frozen=True)
class _Group:
    conversions: FloatArray
    units: FloatArray

    @classmethod
    def from_counts(cls, name: str, conversions: ArrayLike, units: ArrayLike) -> Self:
        group = cls(
            np.atleast_1d(np.asarray(conversions, dtype=float)),
            np.atleast_1d(np.asarray(units, dtype=float)),
        )
        if np.any(group.units < 1):
            msg = f"{name}_units must be at least 1"
            raise ValueError(msg)
        if np.any((group.conversions < 0) | (group.conversions > group.units)):
            msg = f"{name}_conversions must lie between 0 and {name}_units"
            raise ValueError(msg)
        return group

    @property
    def rate(self) -> FloatArray:
        return self.conversions / self.units

    @property
    def variance(self) -> FloatArray:
        others = (self.units - self.conversions) / self.units
        return self.rate * others / self.units


def compare_proportions(
    *,
    control_conversions: ArrayLike,
    control_units: ArrayLike,
    treatment_conversions: ArrayLike,
    treatment_units: ArrayLike,
    confidence_level: ArrayLike = 0.95,
) -> ProportionComparison:
    """Compare the conversion rates of independent control and treatment groups.

    The p-value is the two-sided z-test with the standard error pooled under the
    null hypothesis [1]_. The interval inverts the same score statistic (Mee,
    without the small-sample factor) [2]_, so that it excludes zero exactly when
    the p-value is below 1 - `confidence_level`.

    Parameters
    ----------
    control_conversions, treatment_conversions : array_like of int, shape (n,)
        Units who converted, counted once each.
    control_units, treatment_units : array_like of int, shape (n,)
        Units exposed to the variant; at least one per comparison.
    confidence_level : array_like of float, shape (n,)
        Nominal coverage of the interval, strictly between 0 and 1.

    Returns
    -------
    ProportionComparison
        Arrays of shape (n,), in the order given.

    Raises
    ------
    ValueError
        If a group has no units, if conversions fall outside 0..units, or if
        `confidence_level` is not strictly between 0 and 1.

    References
    ----------
    .. [1] Fleiss, J. L., Levin, B., Paik, M. C. (2003). Statistical Methods for
       Rates and Proportions, 3rd ed., chapter 3.
    .. [2] Mee, R. W. (1984). Confidence bounds for the difference between two
       probabilities. Biometrics 40, 1175-1176; method 5 of Newcombe, R. G. (1998),
       Statistics in Medicine 17(8), 873-890.

    Examples
    --------
    >>> result = compare_proportions(
    ...     control_conversions=[48], control_units=[80],
    ...     treatment_conversions=[56], treatment_units=[70],
    ... )
    >>> [round(float(bound), 4) for bound in (result.low[0], result.high[0])]
    [0.0533, 0.3377]
    """
    level = np.asarray(confidence_level, dtype=float)
    if np.any(~((level > 0) & (level < 1))):
        msg = "confidence_level must be strictly between 0 and 1"
        raise ValueError(msg)
    control = _Group.from_counts("control", control_conversions, control_units)
    treatment = _Group.from_counts("treatment", treatment_conversions, treatment_units)

    units = control.units + treatment.units
    pooled = (control.conversions + treatment.conversions) / units
    missed = (units - control.conversions - treatment.conversions) / units
    difference = treatment.rate - control.rate
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(pooled * missed * (1 / control.units + 1 / treatment.units))
        statistic = np.where(error > 0, difference / error, np.nan)
    p_value = 2 * norm.sf(np.abs(statistic))
    # Decided by the p-value itself, so that rounding cannot part the two.
    edge = _Edge(norm.isf((1 - level) / 2), ~(p_value < 1 - level))
    return ProportionComparison(
        difference=difference,
        low=_bound(control, treatment, edge=edge, outer=-1.0),
        high=_bound(control, treatment, edge=edge, outer=1.0),
        statistic=statistic,
        p_value=p_value,
        smallest_expected_count=np.minimum(control.units, treatment.units)
        * np.minimum(pooled, missed),
        control_variance=control.variance,
        treatment_variance=treatment.variance,
    )


def exact_p_values(
    *,
    control_conversions: ArrayLike,
    control_units: ArrayLike,
    treatment_conversions: ArrayLike,
    treatment_units: ArrayLike,
) -> FloatArray:
    """Return Fisher's exact two-sided p-values, for counts too small for a z-test.

    Tables at most as probable as the observed one, the margins given [1]_. One table
    after another, as scipy has no other way: for the few comparisons that need it.

    Parameters
    ----------
    control_conversions, treatment_conversions : array_like of int, shape (n,)
        Units who converted, counted once each.
    control_units, treatment_units : array_like of int, shape (n,)
        Units exposed to the variant; at least one per comparison.

    Returns
    -------
    FloatArray, shape (n,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        As `compare_proportions`.

    References
    ----------
    .. [1] Fisher, R. A. (1935). The logic of inductive inference. Journal of the
       Royal Statistical Society 98(1), 39-82.

    Examples
    --------
    Fisher's own: of 13 and 17 twins, 10 and 2 were convicted too.

    >>> p_value = exact_p_values(
    ...     control_conversions=[2], control_units=[17],
    ...     treatment_conversions=[10], treatment_units=[13],
    ... )
    >>> round(float(p_value[0]), 6)
    0.000537
    """
    control = _Group.from_counts("control", control_conversions, control_units)
    treatment = _Group.from_counts("treatment", treatment_conversions, treatment_units)
    tables = np.stack(
        [
            control.conversions,
            control.units - control.conversions,
            treatment.conversions,
            treatment.units - treatment.conversions,
        ],
        axis=1,
    ).astype(np.int64)
    # A pair of the odds ratio and the p-value.
    return np.array([fisher_exact(table.reshape(2, 2))[1] for table in tables])


@dataclass(frozen=True)
class _Edge:
    """Where the interval ends, and whether a difference of zero is inside."""

    critical: FloatArray
    holds_zero: NDArray[np.bool_]


def _bound(
    control: _Group, treatment: _Group, *, edge: _Edge, outer: float
) -> FloatArray:
    """Where the score statistic reaches the critical value, from the inside."""
    observed = treatment.rate - control.rate
    is_between = np.sign(observed) * outer < 0
    inside = np.where(is_between & edge.holds_zero, 0.0, observed)
    outside = np.where(is_between & ~edge.holds_zero, 0.0, outer)

    def excess(difference: FloatArray) -> FloatArray:
        return np.abs(_score(control, treatment, difference)) - edge.critical

    # Usually within a tenth of these: closer than halving comes in seven steps.
    error = np.sqrt(control.variance + treatment.variance)
    for share in (1.1, 0.9):
        guess = observed + outer * share * edge.critical * error
        is_guess = (guess - inside) * (guess - outside) < 0
        guess = np.where(is_guess, guess, inside)
        covered = excess(guess) <= 0
        inside = np.where(is_guess & covered, guess, inside)
        outside = np.where(is_guess & ~covered, guess, outside)
    return crossing(
        excess,
        inside=inside,
        outside=outside,
        tolerance=TOLERANCE * edge.critical * error,
    )


def _score(control: _Group, treatment: _Group, difference: FloatArray) -> FloatArray:
    """Z of the observed difference against `difference`, 0 where both are equal."""
    base = _restricted_control_rate(control, treatment, difference)
    other = np.clip(base + difference, 0, 1)
    variance = base * (1 - base) / control.units + other * (1 - other) / treatment.units
    distance = treatment.rate - control.rate - difference
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0, 0.0, distance / np.sqrt(variance))


def _restricted_control_rate(
    control: _Group, treatment: _Group, difference: FloatArray
) -> FloatArray:
    """Maximum-likelihood control rate when the rates differ by `difference`.

    The closed form of the likelihood equation, a cubic (Farrington and Manning
    1990, Statistics in Medicine 9, 1447-1454, appendix 1).
    """
    ratio = control.units / treatment.units
    first = 1 + ratio
    # Solved for the treatment rate, as in the source; the control rate is less d.
    second = -(first + treatment.rate + ratio * control.rate + difference * (ratio + 2))
    third = (
        difference**2
        + difference * (2 * treatment.rate + first)
        + treatment.rate
        + ratio * control.rate
    )
    fourth = -treatment.rate * difference * (1 + difference)
    third_part = second / (3 * first)
    # As products: a power of three takes as long as all the rest.
    cubic = (
        third_part * third_part * third_part
        - second * third / (6 * first**2)
        + fourth / (2 * first)
    )
    root = np.sqrt(np.maximum(third_part**2 - third / (3 * first), 0))
    root = np.where(cubic < 0, -root, root)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(root == 0, 1.0, cubic / (root * root * root))
    angle = (np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3
    treated = 2 * root * np.cos(angle) - third_part
    low = np.maximum(0, -difference)
    high = np.minimum(1, 1 - difference)
    return np.clip(treated - difference, low, high)
