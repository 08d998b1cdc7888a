"""Outcomes of the planted experiments: who was exposed, who reached the goal after."""

import polars as pl

from orchestration.simulation.experiments import EXPERIMENTS, Experiment
from orchestration.simulation.truth import Truth


def experiments_of(truth: Truth) -> pl.DataFrame:
    """Return exposed and converted persons per arm, crossed ones excluded."""
    exposures, goals = truth.frame("exposures"), truth.frame("conversions")
    if not len(exposures):
        return pl.DataFrame()
    exposures, goals = truth.units(exposures), truth.units(goals)
    arms = (
        exposures.filter("is_counted")
        .group_by("experiment_id", "person")
        .agg(
            pl.col("variant").n_unique().alias("arm_count"),
            pl.col("variant").first(),
            pl.col("occurred_at").min().alias("exposed_at"),
        )
    )
    is_crossed = pl.col("arm_count") > 1
    crossed = arms.filter(is_crossed).group_by("experiment_id").len("crossed_count")
    loyal = arms.filter(~is_crossed)
    parts = [_arms_of(one, loyal, goals) for one in EXPERIMENTS]
    counts = pl.col("exposed_count", "converted_count", "crossed_count")
    return (
        pl.concat(parts, how="diagonal_relaxed")
        .join(crossed, on="experiment_id", how="left")
        .with_columns(counts.cast(pl.Int64).fill_null(0))
        .sort("experiment_id", "variant")
    )


def _arms_of(
    experiment: Experiment, loyal: pl.DataFrame, goals: pl.DataFrame
) -> pl.DataFrame:
    """Count, per arm, persons and those who reached the goal strictly after."""
    mine = loyal.filter(pl.col("experiment_id") == experiment.experiment_id)
    reached = goals.filter("is_counted").filter(_is_goal(experiment.goal))
    later = mine.join(
        reached.select("person", pl.col("occurred_at").alias("goal_at")), on="person"
    ).filter(pl.col("goal_at") > pl.col("exposed_at"))
    converted = (
        later.select("person")
        .unique()
        .with_columns(pl.lit(value=True).alias("converts"))
    )
    return (
        mine.join(converted, on="person", how="left")
        .group_by("experiment_id", "variant")
        .agg(
            pl.len().cast(pl.Int64).alias("exposed_count"),
            pl.col("converts").sum().cast(pl.Int64).alias("converted_count"),
        )
        .join(_planted(experiment), on=["experiment_id", "variant"], how="right")
    )


def _planted(experiment: Experiment) -> pl.DataFrame:
    count = len(experiment.arms)
    return pl.DataFrame(
        {
            "experiment_id": [experiment.experiment_id] * count,
            "variant": experiment.arms,
            "goal": [experiment.goal] * count,
            "declared_weight": experiment.weights,
            "planted_weight": experiment.drawn,
            "planted_factor": experiment.factors,
        }
    )


def _is_goal(goal: str) -> pl.Expr:
    if goal == "booking_attempt":
        return pl.col("event_name") == goal
    return pl.col("conversion_type") == goal
