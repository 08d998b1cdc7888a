"""Results of experiments: the counts of dbt, compared and stored by difference."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import psycopg
from psycopg import sql

from orchestration.experiments.counts import Comparison, Counted, read_counts
from orchestration.experiments.verdicts import Circumstances, Finding, conclude

_SPLIT = (
    "sample_ratio_p_value",
    "sequential_sample_ratio_p_value",
    "sample_ratio_p_value_with_multi_arm",
)


@dataclass(frozen=True)
class Result:
    """A treatment arm against the control; columns of experiments.experiment_results.

    Attributes
    ----------
    difference, low, high : float or None
        Treatment rate minus control rate and its fixed interval, as fractions, not
        adjusted; None where an arm has no units.
    p_value : float or None
        Of the z-test; None where the rates carry no information about their spread.
    verdict, reason : str
        What follows for the arm, from all metrics of the experiment, and why.
    outcome, outcome_reason : str
        What this metric shows, in the direction in which it is good, and why.
    """

    experiment_id: str
    metric_name: str
    variant: str
    control_unit_count: int
    control_conversion_count: int
    unit_count: int
    conversion_count: int
    multi_arm_unit_count: int
    control_rate: float | None
    rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str
    reason: str
    role: str
    decision: str
    outcome: str
    outcome_reason: str
    smallest_expected_count: float | None
    exact_p_value: float | None
    sequential_low: float | None
    sequential_high: float | None
    sequential_p_value: float | None
    adjusted_p_value: float | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    sample_ratio_p_value: float | None
    sequential_sample_ratio_p_value: float | None
    sample_ratio_p_value_with_multi_arm: float | None


def conclude_results(counted: Sequence[Counted]) -> list[Result]:
    """Compare every treatment arm with its control, and conclude, all at once."""
    if not counted:
        return []
    # scipy takes two seconds to import, and most runs compare nothing.
    from orchestration.experiments.analysis import (  # noqa: PLC0415
        estimate,
        judge,
        judge_sample_ratios,
        known,
    )

    comparisons = [each for experiment in counted for each in experiment.comparisons()]
    estimates = estimate(comparisons)
    findings = defaultdict(list)
    judged: list[dict[str, Any]] = []
    for place, comparison in enumerate(comparisons):
        outcome, reason, holds = judge(comparison, estimates, place)
        judged.append({"outcome": outcome, "outcome_reason": reason})
        metric = comparison.metric
        findings[_arm(comparison)].append(
            Finding(metric.metric_name, metric.role, outcome, holds)
        )
    ratios = judge_sample_ratios(counted)
    whole = {
        each.experiment_id: (_circumstances(each, ratio.has_mismatch), ratio[:3])
        for each, ratio in zip(counted, ratios, strict=True)
    }
    results = []
    for place, comparison in enumerate(comparisons):
        circumstances, split = whole[comparison.experiment_id]
        estimated: dict[str, Any] = {
            name: known(values[place]) for name, values in vars(estimates).items()
        }
        verdict, reason = conclude(circumstances, findings[_arm(comparison)])
        concluded: dict[str, Any] = {"verdict": verdict, "reason": reason}
        concluded |= dict(zip(_SPLIT, split, strict=True))
        results.append(
            Result(**_counts(comparison), **estimated, **judged[place], **concluded)
        )
    return results


def _arm(comparison: Comparison) -> tuple[str, str]:
    return comparison.experiment_id, comparison.treatment.variant


def _circumstances(counted: Counted, has_mismatch: bool) -> Circumstances:  # noqa: FBT001
    return Circumstances(
        has_changed=counted.has_changed,
        has_mismatch=has_mismatch,
        unit_count=sum(arm.unit_count for arm in counted.arms),
        multi_arm_unit_count=sum(arm.multi_arm_unit_count for arm in counted.arms),
        day_count=counted.day_count,
        minimum_days=counted.terms.minimum_days,
        is_decidable=counted.is_decidable,
    )


def _counts(comparison: Comparison) -> dict[str, Any]:
    control, treatment = comparison.control, comparison.treatment
    return {
        "experiment_id": comparison.experiment_id,
        "metric_name": comparison.metric.metric_name,
        "variant": treatment.variant,
        "control_unit_count": control.unit_count,
        "control_conversion_count": control.conversion_count,
        "unit_count": treatment.unit_count,
        "conversion_count": treatment.conversion_count,
        "multi_arm_unit_count": (
            control.multi_arm_unit_count + treatment.multi_arm_unit_count
        ),
        "role": comparison.metric.role,
        "decision": comparison.terms.decision,
    }


def read_results(connection: psycopg.Connection) -> list[Result]:
    """Compare every treatment arm of every experiment that has exposed units."""
    return conclude_results(read_counts(connection))


def store_results(connection: psycopg.Connection, results: list[Result]) -> int:
    """Make the table hold exactly these results; return how many rows changed.

    The same results change nothing. One transaction, two at once wait for each other.
    """
    names = [each.name for each in fields(Result)]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    updates = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names
    )
    with connection.transaction():
        connection.execute(
            "lock table experiments.experiment_results in share row exclusive mode"
        )
        removed = connection.execute(
            """
            delete from experiments.experiment_results
            where
                experiment_id || '/' || metric_name || '/' || variant <> all(%s)
            """,
            (["/".join(_key(result)) for result in results],),
        ).rowcount
        changed = 0
        for result in results:
            changed += connection.execute(
                sql.SQL(
                    """
                    insert into experiments.experiment_results ({columns})
                    values ({values})
                    on conflict (experiment_id, metric_name, variant)
                    do update set {updates}
                    where experiment_results.* is distinct from excluded.*
                    """
                ).format(
                    columns=columns,
                    values=sql.SQL(", ").join(sql.Placeholder() * len(names)),
                    updates=updates,
                ),
                astuple(result),
            ).rowcount
    return removed + changed


def _key(result: Result) -> tuple[str, str, str]:
    return result.experiment_id, result.metric_name, result.variant
