"""Sums of arms as means and variances: exact until the last step."""

from collections.abc import Sequence
from decimal import Context, Decimal

import numpy as np
from numpy.typing import NDArray

from orchestration.experiments.arms import Arm, Number, Sums
from orchestration.experiments.covariates import CovariedSample
from orchestration.experiments.means import Sample
from orchestration.experiments.quantiles import QuantileSample
from orchestration.experiments.ratios import PairedSample

FloatArray = NDArray[np.float64]

# A sum of squares less the square of a sum loses half of its digits; here are plenty.
EXACT = Context(prec=60)


def sample_of(arms: Sequence[Arm]) -> Sample:
    """Return the means and variances of the arms' values."""
    units, mean, _, variance = _columns(
        _moments(arm.unit_count, each.value, each.value, each.value_square)
        for arm, each in _with_sums(arms)
    )
    return Sample(units, mean, variance)


def covariate_sample_of(arms: Sequence[Arm]) -> Sample:
    """Return the same of the arms' values before exposure."""
    units, mean, _, variance = _columns(
        _moments(arm.unit_count, each.covariate, each.covariate, each.covariate_square)
        for arm, each in _with_sums(arms)
    )
    return Sample(units, mean, variance)


def paired_sample_of(arms: Sequence[Arm]) -> PairedSample:
    """Return numerators and denominators of the arms' units."""
    rows = []
    for arm, each in _with_sums(arms):
        rows.append(
            (
                *_moments(arm.unit_count, each.value, each.value, each.value_square),
                *_moments(
                    *(arm.unit_count, each.denominator, each.denominator),
                    each.denominator_square,
                )[2:],
                _moments(
                    *(arm.unit_count, each.value, each.denominator),
                    each.denominator_product,
                )[3],
            )
        )
    units, mean, _, variance, other_mean, other_variance, covariance = _columns(rows)
    return PairedSample(units, mean, other_mean, variance, other_variance, covariance)


def covaried_sample_of(arms: Sequence[Arm]) -> CovariedSample:
    """Return values with their two regressors: before exposure, and having history."""
    means, covariances = [], []
    for arm, each in _with_sums(arms):
        units, rows = arm.unit_count, []
        sums = (each.value, each.covariate, each.history_units)
        # A unit with a covariate has history, so their product is the covariate.
        for first, second, product in (
            (0, 0, each.value_square),
            (0, 1, each.covariate_product),
            (0, 2, each.history_product),
            (1, 1, each.covariate_square),
            (1, 2, each.covariate),
            (2, 2, each.history_units),
        ):
            rows.append(_moments(units, sums[first], sums[second], product))
        means.append((rows[0][1], rows[1][2], rows[2][2]))
        covariances.append([rows[at][3] for at in (0, 1, 2, 1, 3, 4, 2, 4, 5)])
    return CovariedSample(
        np.array([float(arm.unit_count) for arm in arms]),
        np.array(means, dtype=float).reshape(-1, 3),
        np.array(covariances, dtype=float).reshape(-1, 3, 3),
    )


def quantile_sample_of(arms: Sequence[Arm]) -> QuantileSample:
    """Return the events of the arms around their quantile."""
    rows, units = [], []
    for arm in arms:
        around = arm.around
        if around is None:
            rows.append((0.0, *[np.nan] * 3))
            units.append(Arm("", arm.unit_count, 0, 0, sums=Sums()))
            continue
        rows.append(tuple(float(each) for each in around[:4]))
        sums = Sums(
            value=around.below_sum,
            value_square=around.below_square_sum,
            denominator=around.event_count,
            denominator_square=around.event_square_sum,
            denominator_product=around.product_sum,
        )
        units.append(Arm("", arm.unit_count, 0, 0, sums=sums))
    events, value, low, high = _columns(rows)
    return QuantileSample(events, value, low, high, paired_sample_of(units))


def _with_sums(arms: Sequence[Arm]) -> list[tuple[Arm, Sums]]:
    """Pair each arm with its sums; of a proportion they are its conversions."""
    return [
        (
            arm,
            arm.sums
            or Sums(value=arm.conversion_count, value_square=arm.conversion_count),
        )
        for arm in arms
    ]


def _moments(
    units: int, first: Number, second: Number, product: Number
) -> tuple[float, float, float, float]:
    """Return units, both means, and the covariance; NaN where there is none."""
    if not units:
        return 0.0, np.nan, np.nan, np.nan
    one, two = Decimal(first), Decimal(second)
    expected = EXACT.divide(EXACT.multiply(one, two), Decimal(units))
    apart = float(EXACT.subtract(Decimal(product), expected))
    spread = apart / (units - 1) if units > 1 else np.nan
    return float(units), float(one) / units, float(two) / units, spread


def _columns(rows) -> list[FloatArray]:  # noqa: ANN001
    return list(np.array(list(rows), dtype=float).T)
