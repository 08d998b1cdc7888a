"""Results of experiments: the counts of dbt, compared and stored by difference."""

from dataclasses import astuple, dataclass, fields
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

# Under this, the normal approximation is not to be trusted (Fleiss, chapter 2).
SMALLEST_EXPECTED_COUNT = 5

_ESTIMATES = ("control_rate", "rate", "difference", "low", "high", "p_value")


class Arm(NamedTuple):
    """Units of one arm and how many of them converted."""

    variant: str
    unit_count: int
    conversion_count: int
    multi_arm_unit_count: int


@dataclass(frozen=True)
class Rules:
    """When a comparison may conclude anything, as the experiment declares it."""

    alpha: float
    minimum_units: int
    minimum_conversions: int


@dataclass(frozen=True)
class Result:
    """A treatment arm against the control; columns of experiments.experiment_results.

    Attributes
    ----------
    difference, low, high : float or None
        Treatment rate minus control rate and its interval, as fractions; None where an
        arm has no units.
    p_value : float or None
        None where the rates carry no information about their spread.
    verdict, reason : str
        What follows, and why.
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


def compare_arms(
    experiment_id: str, metric_name: str, *, control: Arm, treatment: Arm, rules: Rules
) -> Result:
    """Compare one treatment arm with the control."""
    # scipy takes two seconds to import, and most runs compare nothing.
    from orchestration.experiments.proportions import (  # noqa: PLC0415
        compare_proportions,
    )

    counted = _counted(experiment_id, metric_name, control, treatment)
    if not (control.unit_count and treatment.unit_count):
        nothing = dict.fromkeys(_ESTIMATES)
        return Result(
            **counted, **nothing, verdict="immature", reason="an arm has no units"
        )
    compared = compare_proportions(
        control_conversions=control.conversion_count,
        control_units=control.unit_count,
        treatment_conversions=treatment.conversion_count,
        treatment_units=treatment.unit_count,
        confidence_level=1 - rules.alpha,
    )
    p_value = float(compared.p_value[0])
    difference = float(compared.difference[0])
    verdict, reason = _conclude(
        control,
        treatment,
        rules=rules,
        expected=float(compared.smallest_expected_count[0]),
        effect=(difference, p_value),
    )
    return Result(
        **counted,
        control_rate=control.conversion_count / control.unit_count,
        rate=treatment.conversion_count / treatment.unit_count,
        difference=difference,
        low=float(compared.low[0]),
        high=float(compared.high[0]),
        # NaN is not equal to itself, so a table of NaN would differ every night.
        p_value=None if p_value != p_value else p_value,  # noqa: PLR0124
        verdict=verdict,
        reason=reason,
    )


def _counted(
    experiment_id: str, metric_name: str, control: Arm, treatment: Arm
) -> dict[str, Any]:
    return {
        "experiment_id": experiment_id,
        "metric_name": metric_name,
        "variant": treatment.variant,
        "control_unit_count": control.unit_count,
        "control_conversion_count": control.conversion_count,
        "unit_count": treatment.unit_count,
        "conversion_count": treatment.conversion_count,
        "multi_arm_unit_count": (
            control.multi_arm_unit_count + treatment.multi_arm_unit_count
        ),
    }


def _conclude(
    control: Arm,
    treatment: Arm,
    *,
    rules: Rules,
    expected: float,
    effect: tuple[float, float],
) -> tuple[str, str]:
    arms = (control, treatment)
    if min(arm.unit_count for arm in arms) < rules.minimum_units:
        return "immature", f"fewer than {rules.minimum_units} units in an arm"
    if min(arm.conversion_count for arm in arms) < rules.minimum_conversions:
        return (
            "immature",
            f"fewer than {rules.minimum_conversions} conversions in an arm",
        )
    if expected < SMALLEST_EXPECTED_COUNT:
        return "immature", f"an expected count is below {SMALLEST_EXPECTED_COUNT}"
    difference, p_value = effect
    if p_value < rules.alpha:
        direction = "better" if difference > 0 else "worse"
        return direction, f"p is below {rules.alpha:g}"
    return "inconclusive", f"p is not below {rules.alpha:g}"


def read_results(connection: psycopg.Connection) -> list[Result]:
    """Compare every treatment arm of every experiment that has exposed units."""
    rows = connection.execute(
        """
        select
            counts.experiment_id,
            counts.metric_name,
            counts.variant,
            bool_or(counts.is_control),
            sum(counts.unit_count)::bigint,
            sum(counts.conversion_count)::bigint,
            sum(counts.multi_arm_unit_count)::bigint,
            experiments.alpha::float8,
            experiments.minimum_units,
            experiments.minimum_conversions
        from marts.experiment_counts as counts
        inner join registry.experiments as experiments using (experiment_id)
        group by
            counts.experiment_id,
            counts.metric_name,
            counts.variant,
            experiments.alpha,
            experiments.minimum_units,
            experiments.minimum_conversions
        order by counts.experiment_id, counts.metric_name, counts.variant
        """
    ).fetchall()
    controls = {(row[0], row[1]): Arm(row[2], *row[4:7]) for row in rows if row[3]}
    return [
        compare_arms(
            experiment_id,
            metric_name,
            control=controls[experiment_id, metric_name],
            treatment=Arm(variant, *counts),
            rules=Rules(*rules),
        )
        for experiment_id, metric_name, variant, is_control, *counts_and_rules in rows
        for counts, rules in [(counts_and_rules[:3], counts_and_rules[3:])]
        if not is_control and (experiment_id, metric_name) in controls
    ]


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
