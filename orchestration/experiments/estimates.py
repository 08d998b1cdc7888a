"""Counts of many experiments in, estimates out: whole columns at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.experiments.arms import Comparison
from orchestration.experiments.covariates import (
    Adjusted,
    adjust_means,
    linearize_ratios,
)
from orchestration.experiments.lift import Lift, relative_lift
from orchestration.experiments.means import (
    MeanComparison,
    compare_estimates,
    compare_means,
)
from orchestration.experiments.moments import (
    covariate_sample_of,
    covaried_pair_of,
    covaried_sample_of,
    earlier_paired_sample_of,
    paired_sample_of,
    quantile_sample_of,
    sample_of,
)
from orchestration.experiments.posterior import lift_posterior
from orchestration.experiments.proportions import (
    ProportionComparison,
    compare_proportions,
    exact_p_values,
)
from orchestration.experiments.quantiles import compare_quantiles
from orchestration.experiments.ratios import compare_ratios
from orchestration.experiments.sequences import confidence_sequence

FloatArray = NDArray[np.float64]

# Under this, the normal approximation is not to be trusted (Fleiss, chapter 2).
SMALLEST_EXPECTED_COUNT = 5


@dataclass(frozen=True)
class Estimates:
    """One element per comparison; NaN where it is undefined.

    `control_value` and `value` are rates, means, ratios or quantiles, by the type of
    the metric; the group up to `p_value` is as in its module. `exact_p_value` is
    Fisher's, only where an expected cell is below 5. What begins with `adjusted` is
    adjusted for what units did before exposure; `bias_p_value` says whether the arms
    differed then already. The last group is the posterior of the lift.
    """

    control_value: FloatArray
    value: FloatArray
    difference: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray
    smallest_expected_count: FloatArray
    exact_p_value: FloatArray
    sequential_low: FloatArray
    sequential_high: FloatArray
    sequential_p_value: FloatArray
    lift: FloatArray
    lift_low: FloatArray
    lift_high: FloatArray
    adjusted_difference: FloatArray
    adjusted_low: FloatArray
    adjusted_high: FloatArray
    adjusted_p_value: FloatArray
    adjusted_sequential_low: FloatArray
    adjusted_sequential_high: FloatArray
    adjusted_sequential_p_value: FloatArray
    variance_reduction: FloatArray
    bias_p_value: FloatArray
    bias_sequential_p_value: FloatArray
    posterior_lift: FloatArray
    posterior_low: FloatArray
    posterior_high: FloatArray
    chance_better: FloatArray
    expected_loss: FloatArray


@dataclass(frozen=True)
class _Level:
    """What holds of a comparison besides its arms, one element per comparison."""

    alpha: FloatArray
    units: FloatArray
    expected_units: FloatArray
    prior_mean: FloatArray
    prior_deviation: FloatArray
    is_higher_better: NDArray[np.bool_]

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "_Level":
        rows = [
            (
                each.terms.alpha,
                each.control.unit_count + each.treatment.unit_count,
                each.terms.expected_units,
                each.terms.prior_mean,
                each.terms.prior_deviation,
            )
            for each in comparisons
        ]
        better = np.array([each.metric.better == "higher" for each in comparisons])
        columns = np.array(rows, dtype=float).reshape(-1, 5).T
        return cls(*columns, is_higher_better=better)


def estimate(comparisons: Sequence[Comparison]) -> Estimates:
    """Estimate every comparison; arms without units have no estimates."""
    columns = {
        name: np.full(len(comparisons), np.nan) for name in Estimates.__annotations__
    }
    places: dict[str, list[int]] = {}
    for place, each in enumerate(comparisons):
        if each.control.unit_count and each.treatment.unit_count:
            places.setdefault(each.metric.type, []).append(place)
            if each.control.sums and each.metric.type in _ADJUSTED:
                places.setdefault(_ADJUSTED[each.metric.type], []).append(place)
    for name, chosen in places.items():
        found = _ESTIMATED[name]([comparisons[place] for place in chosen])
        for column, values in found.items():
            columns[column][chosen] = values
    return Estimates(**columns)


def _proportions(comparisons: Sequence[Comparison]) -> dict[str, FloatArray]:
    level = _Level.of(comparisons)
    counts = np.array(
        [(*each.control[1:3], *each.treatment[1:3]) for each in comparisons],
        dtype=float,
    )
    control_units, control_conversions, units, conversions = counts.T
    four = {
        "control_conversions": control_conversions,
        "control_units": control_units,
        "treatment_conversions": conversions,
        "treatment_units": units,
    }
    compared = compare_proportions(**four, confidence_level=1 - level.alpha)
    few = compared.smallest_expected_count < SMALLEST_EXPECTED_COUNT
    exact = np.full(len(counts), np.nan)
    if few.any():
        exact[few] = exact_p_values(**{name: each[few] for name, each in four.items()})
    rates = control_conversions / control_units, conversions / units
    return {
        **_compared(compared, rates, level),
        "smallest_expected_count": compared.smallest_expected_count,
        "exact_p_value": exact,
    }


def _means(comparisons: Sequence[Comparison]) -> dict[str, FloatArray]:
    level, (control, treatment) = _Level.of(comparisons), _both(sample_of, comparisons)
    found = compare_means(control=control, treatment=treatment, alpha=level.alpha)
    return _compared(found, (control.mean, treatment.mean), level)


def _ratios(comparisons: Sequence[Comparison]) -> dict[str, FloatArray]:
    level = _Level.of(comparisons)
    control, treatment = _both(paired_sample_of, comparisons)
    found = compare_ratios(control=control, treatment=treatment, alpha=level.alpha)
    return _compared(found, (control.ratio, treatment.ratio), level)


def _quantiles(comparisons: Sequence[Comparison]) -> dict[str, FloatArray]:
    level = _Level.of(comparisons)
    control, treatment = _both(quantile_sample_of, comparisons)
    fractions = np.array([each.metric.quantile for each in comparisons], dtype=float)
    found = compare_quantiles(
        control=control, treatment=treatment, fraction=fractions, alpha=level.alpha
    )
    return _compared(found, (control.value, treatment.value), level)


def _adjusted_means(comparisons: Sequence[Comparison]) -> dict[str, FloatArray]:
    level = _Level.of(comparisons)
    control, treatment = _both(covaried_sample_of, comparisons)
    adjusted = adjust_means(control=control, treatment=treatment)
    found = compare_means(
        control=adjusted.control, treatment=adjusted.treatment, alpha=level.alpha
    )
    before_control, before = _both(covariate_sample_of, comparisons)
    biased = compare_means(control=before_control, treatment=before, alpha=level.alpha)
    return _told_adjusted(found, adjusted, biased, level)


def _adjusted_ratios(comparisons: Sequence[Comparison]) -> dict[str, FloatArray]:
    level = _Level.of(comparisons)
    control, treatment = _both(covaried_pair_of, comparisons)
    linear = linearize_ratios(control=control, treatment=treatment)
    adjusted = adjust_means(control=linear[0], treatment=linear[1])
    arms = (adjusted.control, adjusted.treatment)
    found = compare_estimates(
        estimates=(arms[0].mean, arms[1].mean),
        variances=(arms[0].variance / arms[0].units, arms[1].variance / arms[1].units),
        alpha=level.alpha,
    )
    before_control, before = _both(earlier_paired_sample_of, comparisons)
    biased = compare_ratios(control=before_control, treatment=before, alpha=level.alpha)
    return _told_adjusted(found, adjusted, biased, level)


def _told_adjusted(
    found: MeanComparison, adjusted: Adjusted, biased: MeanComparison, level: _Level
) -> dict[str, FloatArray]:
    names = ("difference", "low", "high", "p_value")
    bounds = ("low", "high", "p_value")
    sequence = _sequence(found, level)
    return {
        **{f"adjusted_{name}": getattr(found, name) for name in names},
        **{f"adjusted_sequential_{name}": getattr(sequence, name) for name in bounds},
        "variance_reduction": adjusted.variance_reduction,
        "bias_p_value": biased.p_value,
        "bias_sequential_p_value": _sequence(biased, level).p_value,
    }


_ADJUSTED = {
    "proportion": "adjusted mean",
    "mean": "adjusted mean",
    "ratio": "adjusted ratio",
}
_ESTIMATED = {
    "proportion": _proportions,
    "mean": _means,
    "ratio": _ratios,
    "quantile": _quantiles,
    "adjusted mean": _adjusted_means,
    "adjusted ratio": _adjusted_ratios,
}


def _both(sample, comparisons: Sequence[Comparison]):  # noqa: ANN001, ANN202
    """Return the sample of the controls, and that of the treatments."""
    return (
        sample([each.control for each in comparisons]),
        sample([each.treatment for each in comparisons]),
    )


def _sequence(found: MeanComparison | ProportionComparison, level: _Level):  # noqa: ANN202
    return confidence_sequence(
        difference=found.difference,
        variance=found.control_variance + found.treatment_variance,
        units=level.units,
        expected_units=level.expected_units,
        alpha=level.alpha,
    )


def _compared(
    found: MeanComparison | ProportionComparison,
    values: tuple[FloatArray, FloatArray],
    level: _Level,
) -> dict[str, FloatArray]:
    """Return what every type of metric has."""
    sequence = _sequence(found, level)
    lift = relative_lift(
        control_mean=values[0],
        control_variance=found.control_variance,
        treatment_mean=values[1],
        treatment_variance=found.treatment_variance,
        alpha=level.alpha,
    )
    return {
        "control_value": values[0],
        "value": values[1],
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "sequential_low": sequence.low,
        "sequential_high": sequence.high,
        "sequential_p_value": sequence.p_value,
        "lift": lift.lift,
        "lift_low": lift.low,
        "lift_high": lift.high,
        **_believed(lift, level, is_loss=values[0] < 0),
    }


def _believed(
    lift: Lift, level: _Level, *, is_loss: NDArray[np.bool_]
) -> dict[str, FloatArray]:
    # A share of a control below zero grows where the metric falls.
    found = lift_posterior(
        lift,
        prior_mean=level.prior_mean,
        prior_deviation=level.prior_deviation,
        is_higher_better=level.is_higher_better != is_loss,
        alpha=level.alpha,
    )
    return {
        **{
            f"posterior_{name}": getattr(found, name)
            for name in ("lift", "low", "high")
        },
        "chance_better": found.chance_better,
        "expected_loss": found.expected_loss,
    }
