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


def earlier_paired_sample_of(arms: Sequence[Arm]) -> PairedSample:
    """Return numerators and denominators of the arms' units before exposure."""
    return paired_sample_of(
        [
            arm._replace(
                sums=Sums(
                    value=each.covariate,
                    value_square=each.covariate_square,
                    denominator=each.earlier_denominator,
                    denominator_square=each.earlier_denominator_square,
                    denominator_product=each.earlier_denominator_covariate,
                )
            )
            for arm, each in _with_sums(arms)
        ]
    )


def covaried_sample_of(arms: Sequence[Arm]) -> CovariedSample:
    """Return values with their two regressors: before exposure, and having history."""
    rows = []
    for arm, each in _with_sums(arms):
        sums = (each.value, each.covariate, each.history_units)
        # A unit with a covariate has history, so their product is the covariate.
        products = (
            *(each.value_square, each.covariate_product, each.history_product),
            *(each.covariate_square, each.covariate, each.history_units),
        )
        rows.append((arm.unit_count, sums, products))
    return _covaried(rows)


def covaried_pair_of(arms: Sequence[Arm]) -> CovariedSample:
    """Return value, denominator, the same before exposure, and having history."""
    rows = []
    for arm, each in _with_sums(arms):
        earlier = each.earlier_denominator
        sums = (
            *(each.value, each.denominator, each.covariate, earlier),
            each.history_units,
        )
        products = (
            *(each.value_square, each.denominator_product, each.covariate_product),
            *(each.earlier_denominator_value, each.history_product),
            *(each.denominator_square, each.denominator_covariate),
            *(each.earlier_denominator_product, each.history_denominator),
            *(each.covariate_square, each.earlier_denominator_covariate),
            *(each.covariate, each.earlier_denominator_square, earlier),
            each.history_units,
        )
        rows.append((arm.unit_count, sums, products))
    return _covaried(rows)


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


def _covaried(
    rows: Sequence[tuple[int, tuple[Number, ...], tuple[Number, ...]]],
) -> CovariedSample:
    """Make a sample of units, sums, and the upper triangle of their products."""
    width = len(rows[0][1])
    upper = np.triu_indices(width)
    means = np.empty((len(rows), width))
    covariances = np.empty((len(rows), width, width))
    for place, (units, sums, products) in enumerate(rows):
        means[place] = [float(each) / units if units else np.nan for each in sums]
        for first, second, product in zip(*upper, products, strict=True):
            spread = _moments(units, sums[first], sums[second], product)[3]
            covariances[place, first, second] = spread
            covariances[place, second, first] = spread
    units = np.array([float(each) for each, *_ in rows])
    return CovariedSample(units, means, covariances)


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
