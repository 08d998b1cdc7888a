"""Counts of many experiments in, estimates and outcomes out: whole columns at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestration.experiments.counts import Arm, Comparison, Correction, Counted
from orchestration.experiments.lift import relative_lift
from orchestration.experiments.multiplicity import adjust_p_values
from orchestration.experiments.proportions import compare_proportions, exact_p_values
from orchestration.experiments.sample_ratio import THRESHOLD, compare_sample_ratio
from orchestration.experiments.sequences import confidence_sequence
from orchestration.experiments.verdicts import Outcome

FloatArray = NDArray[np.float64]

# Under this, the normal approximation is not to be trusted (Fleiss, chapter 2).
SMALLEST_EXPECTED_COUNT = 5


@dataclass(frozen=True)
class Estimates:
    """One element per comparison; NaN where it is undefined.

    The first group is as in `proportions`, `sequences` and `lift`. `exact_p_value` is
    Fisher's, only where an expected cell is below 5. `adjusted_p_value` is that of the
    experiment's decision mode within its family; NaN outside a family.
    """

    control_rate: FloatArray
    rate: FloatArray
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
    adjusted_p_value: FloatArray


class Judgement(NamedTuple):
    """What one metric says of one arm, why, and whether a guardrail holds."""

    outcome: Outcome
    reason: str
    holds: bool


class SampleRatioResult(NamedTuple):
    """P-values for the split of one experiment's units; None where undefined."""

    p_value: float | None
    sequential_p_value: float | None
    p_value_with_multi_arm: float | None
    has_mismatch: bool


def estimate(comparisons: Sequence[Comparison]) -> Estimates:
    """Estimate every comparison; arms without units have no estimates."""
    counts = np.array(
        [(*each.control[1:3], *each.treatment[1:3]) for each in comparisons],
        dtype=float,
    ).reshape(-1, 4)
    terms = [each.terms for each in comparisons]
    columns = {name: np.full(len(terms), np.nan) for name in Estimates.__annotations__}
    known = (counts[:, 0] > 0) & (counts[:, 2] > 0)
    alpha = np.array([each.alpha for each in terms], dtype=float)
    expected = np.array([each.expected_units for each in terms], dtype=float)
    if known.any():
        found = _estimates(counts[known], alpha[known], expected[known])
        for name, values in found.items():
            columns[name][known] = values
    columns["adjusted_p_value"] = _adjusted(comparisons, columns)
    return Estimates(**columns)


def _estimates(
    counts: FloatArray, alpha: FloatArray, expected_units: FloatArray
) -> dict[str, FloatArray]:
    control_units, control_conversions, units, conversions = counts.T
    four = {
        "control_conversions": control_conversions,
        "control_units": control_units,
        "treatment_conversions": conversions,
        "treatment_units": units,
    }
    compared = compare_proportions(**four, confidence_level=1 - alpha)
    sequence = confidence_sequence(
        difference=compared.difference,
        variance=compared.control_variance + compared.treatment_variance,
        units=control_units + units,
        expected_units=expected_units,
        alpha=alpha,
    )
    rates = control_conversions / control_units, conversions / units
    lift = relative_lift(
        control_mean=rates[0],
        control_variance=compared.control_variance,
        treatment_mean=rates[1],
        treatment_variance=compared.treatment_variance,
        alpha=alpha,
    )
    few = compared.smallest_expected_count < SMALLEST_EXPECTED_COUNT
    exact = np.full(len(counts), np.nan)
    exact[few] = exact_p_values(**{name: each[few] for name, each in four.items()})
    same = ("difference", "low", "high", "p_value", "smallest_expected_count")
    return {
        **{name: getattr(compared, name) for name in same},
        "control_rate": rates[0],
        "rate": rates[1],
        "exact_p_value": exact,
        "sequential_low": sequence.low,
        "sequential_high": sequence.high,
        "sequential_p_value": sequence.p_value,
        "lift": lift.lift,
        "lift_low": lift.low,
        "lift_high": lift.high,
    }


def _adjusted(
    comparisons: Sequence[Comparison], columns: dict[str, FloatArray]
) -> FloatArray:
    """Adjust what decides; what may not decide yet keeps its place in the family."""
    decisive = np.array(
        [
            np.nan
            if immature_reason(each, expected)
            else (sequential if each.terms.decision == "sequential" else fixed)
            for each, expected, sequential, fixed in zip(
                comparisons,
                columns["smallest_expected_count"],
                columns["sequential_p_value"],
                columns["p_value"],
                strict=True,
            )
        ],
        dtype=float,
    )
    _, family = np.unique(
        [each.experiment_id for each in comparisons], return_inverse=True
    )
    adjusted = np.full(len(comparisons), np.nan)
    corrections: tuple[Correction, ...] = ("holm", "benjamini_hochberg")
    for correction in corrections:
        chosen = np.array(
            [
                each.metric.is_in_family and each.terms.correction == correction
                for each in comparisons
            ],
            dtype=bool,
        )
        adjusted[chosen] = adjust_p_values(
            decisive[chosen], family=family[chosen], correction=correction
        )
    return adjusted


def immature_reason(comparison: Comparison, expected: float) -> str | None:
    """Say why the comparison may not conclude anything yet; None if it may."""
    arms, terms = (comparison.control, comparison.treatment), comparison.terms
    if not all(arm.unit_count for arm in arms):
        return "an arm has no units"
    if min(arm.unit_count for arm in arms) < terms.minimum_units:
        return f"fewer than {terms.minimum_units} units in an arm"
    if min(arm.conversion_count for arm in arms) < terms.minimum_conversions:
        return f"fewer than {terms.minimum_conversions} conversions in an arm"
    if expected < SMALLEST_EXPECTED_COUNT:
        return f"an expected count is below {SMALLEST_EXPECTED_COUNT}"
    return None


def judge(comparison: Comparison, estimates: Estimates, place: int) -> Judgement:
    """Say what one comparison shows, in the direction in which its metric is good."""
    metric, terms = comparison.metric, comparison.terms
    early = immature_reason(comparison, float(estimates.smallest_expected_count[place]))
    if early:
        return Judgement("immature", early, holds=False)
    is_sequential = terms.decision == "sequential"
    low, high, p_value = estimates.low, estimates.high, estimates.p_value
    if is_sequential:
        low, high = estimates.sequential_low, estimates.sequential_high
        p_value = estimates.sequential_p_value
    is_higher_good = metric.better == "higher"
    worst = float(low[place] if is_higher_good else -high[place])
    adjusted = metric.is_in_family
    decisive = float((estimates.adjusted_p_value if adjusted else p_value)[place])
    kind = f"{'sequential ' * is_sequential}p{' adjusted' * adjusted}"
    holds = worst > -metric.margin
    if not decisive < terms.alpha:
        return Judgement("inconclusive", f"{kind} is not below {terms.alpha:g}", holds)
    is_better = (estimates.difference[place] > 0) == is_higher_good
    outcome: Outcome = "better" if is_better else "worse"
    return Judgement(outcome, f"{kind} is below {terms.alpha:g}", holds)


def judge_sample_ratios(counted: Sequence[Counted]) -> list[SampleRatioResult]:
    """Test the split of every experiment; which test decides follows its mode."""
    arms = [each.arms for each in counted]
    width = max((len(each) for each in arms), default=0)
    padding = Arm("", 0, 0, 0, 0.0)
    padded = [[*each, *[padding] * (width - len(each))] for each in arms]
    counts = np.array(
        [
            [(arm.unit_count, arm.multi_arm_unit_count, arm.weight) for arm in each]
            for each in padded
        ],
        dtype=float,
    ).reshape(len(arms), width, 3)
    units, crossed, weights = (counts[:, :, place] for place in range(3))
    after = compare_sample_ratio(units=units, weights=weights)
    before = compare_sample_ratio(units=units + crossed, weights=weights)
    sequential = np.array([each.terms.decision == "sequential" for each in counted])
    decides = sequential | np.array([each.is_decidable for each in counted])
    p_value = np.where(sequential, after.sequential_p_value, after.p_value)
    mismatch = after.is_testable & decides & (p_value < THRESHOLD)
    return [
        SampleRatioResult(known(fixed), known(always), known(with_crossed), bool(fails))
        for fixed, always, with_crossed, fails in zip(
            after.p_value,
            after.sequential_p_value,
            before.p_value,
            mismatch,
            strict=True,
        )
    ]


def known(value: float) -> float | None:
    """Return None for NaN, which equals not even itself in a table."""
    return None if np.isnan(value) else float(value)
