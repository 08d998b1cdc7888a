"""Estimates in, what each of them shows out: outcomes, mismatches, bias."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestration.experiments.arms import Comparison, Correction, Counted, Split, met
from orchestration.experiments.estimates import SMALLEST_EXPECTED_COUNT, Estimates
from orchestration.experiments.multiplicity import adjust_p_values
from orchestration.experiments.sample_ratio import (
    THRESHOLD,
    SampleRatio,
    compare_sample_ratio,
)
from orchestration.experiments.verdicts import Outcome

FloatArray = NDArray[np.float64]

# Under this the arms differed before exposure; shared by the metrics of an experiment.
BIAS_THRESHOLD = 0.001


class Judgement(NamedTuple):
    """What one metric says of one arm, why, and whether a guardrail holds."""

    outcome: Outcome
    reason: str
    holds: bool


class SampleRatioResult(NamedTuple):
    """P-values for the split of one experiment's units; None where undefined.

    `mismatch` says where the units are not split as declared; empty where they are.
    """

    p_value: float | None
    sequential_p_value: float | None
    p_value_with_multi_arm: float | None
    mismatch: str

    @property
    def p_values(self) -> dict[str, float | None]:
        """The p-values under the names of the result's columns."""
        return {
            "sample_ratio_p_value": self.p_value,
            "sequential_sample_ratio_p_value": self.sequential_p_value,
            "sample_ratio_p_value_with_multi_arm": self.p_value_with_multi_arm,
        }


def family_p_values(
    comparisons: Sequence[Comparison], estimates: Estimates
) -> FloatArray:
    """Adjust what decides; what may not decide yet keeps its place in the family."""
    decisive = np.full(len(comparisons), np.nan)
    for place, each in enumerate(comparisons):
        expected = float(estimates.smallest_expected_count[place])
        if not immature_reason(each, expected):
            decisive[place] = _deciding(each, estimates, place)[2]
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
    waiting = sum(arm.immature_unit_count for arm in arms)
    if waiting and min(arm.unit_count for arm in arms) < terms.minimum_units:
        return f"the windows of {waiting} units are not over"
    if not all(arm.unit_count for arm in arms):
        return "an arm has no units"
    if min(arm.unit_count for arm in arms) < terms.minimum_units:
        return f"fewer than {terms.minimum_units} units in an arm"
    if min(arm.conversion_count for arm in arms) < terms.minimum_conversions:
        return f"fewer than {terms.minimum_conversions} conversions in an arm"
    if expected < SMALLEST_EXPECTED_COUNT:
        return f"an expected count is below {SMALLEST_EXPECTED_COUNT}"
    return None


def judge(
    comparison: Comparison, estimates: Estimates, family: FloatArray, place: int
) -> Judgement:
    """Say what one comparison shows, in the direction in which its metric is good."""
    metric, terms = comparison.metric, comparison.terms
    early = immature_reason(comparison, float(estimates.smallest_expected_count[place]))
    if early:
        return Judgement("immature", early, holds=False)
    low, high, p_value = _deciding(comparison, estimates, place)
    is_higher_good = metric.better == "higher"
    worst = low if is_higher_good else -high
    in_family = metric.is_in_family
    decisive = float(family[place]) if in_family else p_value
    is_sequential = terms.decision == "sequential"
    kind = f"{'sequential ' * is_sequential}p{' adjusted' * in_family}"
    holds = worst > -metric.margin
    if not decisive < terms.alpha:
        return Judgement("inconclusive", f"{kind} is not below {terms.alpha:g}", holds)
    is_better = (low + high > 0) == is_higher_good
    outcome: Outcome = "better" if is_better else "worse"
    return Judgement(outcome, f"{kind} is below {terms.alpha:g}", holds)


def _deciding(
    comparison: Comparison, estimates: Estimates, place: int
) -> tuple[float, float, float]:
    """Bounds and p-value of the one estimate that may decide."""
    prefix = "adjusted_" if comparison.metric.is_adjusted else ""
    prefix += "sequential_" if comparison.terms.decision == "sequential" else ""
    return tuple(  # type: ignore[return-value]
        float(getattr(estimates, f"{prefix}{name}")[place])
        for name in ("low", "high", "p_value")
    )


def biased_metrics(
    comparisons: Sequence[Comparison], estimates: Estimates
) -> dict[str, list[str]]:
    """Return by experiment the metrics in which arms differed before exposure."""
    ids = [each.experiment_id for each in comparisons]
    names, counts = np.unique(ids, return_counts=True)
    of_experiment = dict(zip(names.tolist(), counts.tolist(), strict=True))
    found: dict[str, list[str]] = {}
    for place, each in enumerate(comparisons):
        sequential = each.terms.decision == "sequential"
        p_values = (
            estimates.bias_sequential_p_value if sequential else estimates.bias_p_value
        )
        if p_values[place] < BIAS_THRESHOLD / of_experiment[each.experiment_id]:
            listed = found.setdefault(each.experiment_id, [])
            if each.metric.metric_name not in listed:
                listed.append(each.metric.metric_name)
    return found


def judge_sample_ratios(counted: Sequence[Counted]) -> list[SampleRatioResult]:
    """Test the split of every experiment; which test decides follows its mode."""
    arms = [each.arms for each in counted]
    weights = _padded([[arm.weight for arm in each] for each in arms])
    crossed = _padded([[arm.multi_arm_unit_count for arm in each] for each in arms])
    units = _padded([[met(arm) for arm in each] for each in arms])
    after = compare_sample_ratio(units=units, weights=weights)
    before = compare_sample_ratio(units=units + crossed, weights=weights)
    splits = [(place, each) for place, one in enumerate(counted) for each in one.splits]
    within = compare_sample_ratio(
        units=_padded([each.units for _, each in splits], width=units.shape[1]),
        weights=weights[[place for place, _ in splits]],
    )
    results = []
    for place, each in enumerate(counted):
        mismatch = ""
        if each.is_decidable:
            own = [
                (number, split)
                for number, (owner, split) in enumerate(splits)
                if owner == place
            ]
            sequential = each.terms.decision == "sequential"
            if _fails(after, place, sequential=sequential, divisor=1):
                mismatch = "overall"
            else:
                mismatch = _mismatch_within(own, within, sequential=sequential)
        results.append(
            SampleRatioResult(
                known(after.p_value[place]),
                known(after.sequential_p_value[place]),
                known(before.p_value[place]),
                mismatch,
            )
        )
    return results


def _mismatch_within(
    splits: Sequence[tuple[int, Split]], ratios: SampleRatio, *, sequential: bool
) -> str:
    """Say which days or values are not split as declared, if any.

    A day of first exposures is over once: one look. Its share of the threshold falls
    with its number, so that however many come, all together have one threshold.
    """
    sizes: dict[str, int] = {}
    for _, split in splits:
        sizes[split.dimension] = sizes.get(split.dimension, 0) + 1
    day = 0
    for number, split in splits:
        is_day = split.dimension == "exposed_on"
        day += is_day
        divisor = day * (day + 1) if is_day else sizes[split.dimension]
        looks = sequential and not is_day
        if _fails(ratios, number, sequential=looks, divisor=divisor):
            return f"{split.dimension} {split.value}"
    return ""


def _fails(ratios: SampleRatio, place: int, *, sequential: bool, divisor: int) -> bool:
    p_values = ratios.sequential_p_value if sequential else ratios.p_value
    return bool(ratios.is_testable[place] and p_values[place] < THRESHOLD / divisor)


def _padded(rows: Sequence[Sequence[float]], *, width: int = 0) -> FloatArray:
    width = max([width, *(len(row) for row in rows)])
    padded = [[*row, *[0.0] * (width - len(row))] for row in rows]
    return np.array(padded, dtype=float).reshape(len(rows), width)


def known(value: float) -> float | None:
    """Return None for NaN, which equals not even itself in a table."""
    return None if np.isnan(value) else float(value)
