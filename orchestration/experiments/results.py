"""Results of experiments: what was counted, compared and concluded."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import isnan
from typing import TYPE_CHECKING, Any

from orchestration.experiments.arms import Comparison, Counted, met
from orchestration.experiments.verdicts import Circumstances, Finding, conclude

if TYPE_CHECKING:
    from orchestration.experiments.estimates import Estimates

WHOLE = ("all", "all")


@dataclass(frozen=True)
class DimensionResult:
    """A treatment arm against the control, among units that share a value.

    For information: many values are looked at, and nothing is adjusted for that.

    Attributes
    ----------
    control_value, value : float or None
        Rates, means, ratios or quantiles, by `metric_type`; None without units.
    difference, low, high : float or None
        Treatment less control and its fixed interval, in the unit of the metric.
    p_value : float or None
        Two-sided; None where nothing is known of the spread.
    lift, lift_low, lift_high : float or None
        Difference over control; None where the control may be zero.
    """

    experiment_id: str
    metric_name: str
    variant: str
    phase: int
    dimension: str
    dimension_value: str
    metric_type: str
    control_unit_count: int
    control_conversion_count: int
    unit_count: int
    conversion_count: int
    control_value: float | None
    value: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    sequential_low: float | None
    sequential_high: float | None
    sequential_p_value: float | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None


@dataclass(frozen=True)
class Result(DimensionResult):
    """A treatment arm against the control; columns of experiments.experiment_results.

    Attributes
    ----------
    verdict, reason : str
        What follows for the arm, from all metrics of the experiment, and why.
    outcome, outcome_reason : str
        What this metric shows, in the direction in which it is good, and why.
    immature_unit_count, multi_arm_unit_count : int
        Units of both arms whose window is not over, and those who met both.
    family_p_value : float or None
        What decides, adjusted within its family; None outside one. No interval is.
    adjusted_difference, adjusted_low : float or None
        And the like: adjusted for what units did before exposure.
    variance_reduction : float or None
        By which share that lowered the variance.
    bias_p_value : float or None
        Whether the arms differed before exposure already.
    posterior_lift, posterior_low, posterior_high, chance_better : float or None
        What to believe of the lift by the prior of the experiment; None without one.
    expected_loss : float or None
        What choosing the arm risks, as a share of the control.
    """

    verdict: str
    reason: str
    role: str
    decision: str
    outcome: str
    outcome_reason: str
    immature_unit_count: int
    multi_arm_unit_count: int
    smallest_expected_count: float | None
    exact_p_value: float | None
    family_p_value: float | None
    is_adjusted: bool
    adjusted_difference: float | None
    adjusted_low: float | None
    adjusted_high: float | None
    adjusted_p_value: float | None
    adjusted_sequential_low: float | None
    adjusted_sequential_high: float | None
    adjusted_sequential_p_value: float | None
    variance_reduction: float | None
    bias_p_value: float | None
    bias_sequential_p_value: float | None
    posterior_lift: float | None
    posterior_low: float | None
    posterior_high: float | None
    chance_better: float | None
    expected_loss: float | None
    sample_ratio_p_value: float | None
    sequential_sample_ratio_p_value: float | None
    sample_ratio_p_value_with_multi_arm: float | None


def conclude_results(counted: Sequence[Counted]) -> list[Result]:
    """Compare every treatment arm with its control, and conclude, all at once."""
    whole = [each for each in counted if each.within == WHOLE]
    if not whole:
        return []
    # scipy takes two seconds to import, and most runs compare nothing.
    from orchestration.experiments import judging  # noqa: PLC0415
    from orchestration.experiments.estimates import estimate  # noqa: PLC0415

    comparisons = [each for experiment in whole for each in experiment.comparisons()]
    estimates = estimate(comparisons)
    family = judging.family_p_values(comparisons, estimates)
    judged = [
        judging.judge(each, estimates, family, place)
        for place, each in enumerate(comparisons)
    ]
    findings = defaultdict(list)
    for each, judgement in zip(comparisons, judged, strict=True):
        finding = (judgement.outcome, judgement.holds)
        findings[_arm(each)].append(
            Finding(each.metric.metric_name, each.metric.role, *finding)
        )
    biased = judging.biased_metrics(comparisons, estimates)
    told = {
        each.experiment_id: (each, _circumstances(each, ratio.mismatch, biased), ratio)
        for each, ratio in zip(whole, judging.judge_sample_ratios(whole), strict=True)
    }
    results = []
    for place, comparison in enumerate(comparisons):
        experiment, circumstances, ratio = told[comparison.experiment_id]
        verdict, reason = conclude(circumstances, findings[_arm(comparison)])
        columns = _compared(experiment, comparison) | _estimated(estimates, place)
        columns |= _told(comparison) | ratio.p_values
        columns |= {"outcome": judged[place].outcome, "verdict": verdict}
        columns |= {"outcome_reason": judged[place].reason, "reason": reason}
        columns["family_p_value"] = judging.known(family[place])
        results.append(Result(**columns))
    return results


def estimate_within(counted: Sequence[Counted]) -> list[DimensionResult]:
    """Compare every treatment arm with its control, for every value of a dimension."""
    pairs = [
        (experiment, comparison)
        for experiment in counted
        if experiment.within != WHOLE
        for comparison in experiment.comparisons()
    ]
    if not pairs:
        return []
    from orchestration.experiments.estimates import estimate  # noqa: PLC0415

    estimates = estimate([comparison for _, comparison in pairs])
    names = {field.name for field in fields(DimensionResult)}
    results = []
    for place, (experiment, comparison) in enumerate(pairs):
        estimated = _estimated(estimates, place)
        results.append(
            DimensionResult(
                **_compared(experiment, comparison),
                **{name: each for name, each in estimated.items() if name in names},
            )
        )
    return results


def _arm(comparison: Comparison) -> tuple[str, str]:
    return comparison.experiment_id, comparison.treatment.variant


def _circumstances(
    counted: Counted, mismatch: str, biased: dict[str, list[str]]
) -> Circumstances:
    return Circumstances(
        has_changed=counted.has_changed,
        mismatch=mismatch,
        biased=tuple(biased.get(counted.experiment_id, ())),
        unit_count=sum(met(arm) for arm in counted.arms),
        multi_arm_unit_count=sum(arm.multi_arm_unit_count for arm in counted.arms),
        day_count=counted.day_count,
        minimum_days=counted.terms.minimum_days,
        is_decidable=counted.is_decidable,
    )


def _compared(experiment: Counted, comparison: Comparison) -> dict[str, Any]:
    control, treatment = comparison.control, comparison.treatment
    return {
        "experiment_id": comparison.experiment_id,
        "metric_name": comparison.metric.metric_name,
        "variant": treatment.variant,
        "phase": experiment.phase,
        "dimension": experiment.within[0],
        "dimension_value": experiment.within[1],
        "metric_type": comparison.metric.type,
        "control_unit_count": control.unit_count,
        "control_conversion_count": control.conversion_count,
        "unit_count": treatment.unit_count,
        "conversion_count": treatment.conversion_count,
    }


def _told(comparison: Comparison) -> dict[str, Any]:
    both = (comparison.control, comparison.treatment)
    return {
        "role": comparison.metric.role,
        "decision": comparison.terms.decision,
        "is_adjusted": comparison.metric.is_adjusted,
        "immature_unit_count": sum(arm.immature_unit_count for arm in both),
        "multi_arm_unit_count": sum(arm.multi_arm_unit_count for arm in both),
    }


def _estimated(estimates: "Estimates", place: int) -> dict[str, Any]:
    """Columns of one comparison; None for NaN, which equals not even itself."""
    return {
        name: None if isnan(values[place]) else float(values[place])
        for name, values in vars(estimates).items()
    }
