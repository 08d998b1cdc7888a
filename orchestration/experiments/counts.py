"""What dbt counted for every experiment, and the terms on which it is judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

import psycopg

Correction = Literal["holm", "benjamini_hochberg"]

_COUNTED = """
with

counted as (

    select
        experiment_id,
        metric_name,
        variant,
        sum(unit_count)::bigint as unit_count,
        sum(conversion_count)::bigint as conversion_count,
        sum(multi_arm_unit_count)::bigint as multi_arm_unit_count
    from marts.experiment_counts
    group by experiment_id, metric_name, variant

),

ran as (

    select
        experiment_id,
        max(exposed_on) - min(exposed_on) + 1 as day_count
    from marts.experiment_counts
    group by experiment_id

),

through as (

    select min(data_complete_through) as complete_at from ops.watermarks

)

select
    experiments.experiment_id,
    metrics.metric_name,
    experiments.decision,
    experiments.alpha::float8,
    experiments.correction,
    experiments.expected_units,
    experiments.minimum_units,
    experiments.minimum_conversions,
    experiments.minimum_days,
    metrics.role,
    metrics.better,
    metrics.margin::float8,
    metrics.is_in_family,
    arms.variant,
    coalesce(counted.unit_count, 0),
    coalesce(counted.conversion_count, 0),
    coalesce(counted.multi_arm_unit_count, 0),
    arms.weight,
    ran.day_count,
    experiments.decision = 'sequential'
    or coalesce(experiments.ends_at <= through.complete_at, false),
    experiments.has_changed
from registry.experiments as experiments
inner join ran on experiments.experiment_id = ran.experiment_id
inner join registry.experiment_metrics as metrics
    on experiments.experiment_id = metrics.experiment_id
inner join registry.experiment_arms as arms
    on experiments.experiment_id = arms.experiment_id
left join counted
    on
        experiments.experiment_id = counted.experiment_id
        and metrics.metric_name = counted.metric_name
        and arms.variant = counted.variant
cross join through
order by experiments.experiment_id, metrics.metric_index, arms.arm_index
"""


class Arm(NamedTuple):
    """Units of one arm and how many of them converted."""

    variant: str
    unit_count: int
    conversion_count: int
    multi_arm_unit_count: int
    weight: float = 1.0


@dataclass(frozen=True)
class Terms:
    """How an experiment decides, as its file declares it."""

    decision: str = "sequential"
    alpha: float = 0.05
    correction: Correction = "holm"
    expected_units: int = 5_000
    minimum_units: int = 50
    minimum_conversions: int = 5
    minimum_days: int = 3


@dataclass(frozen=True)
class Measured:
    """A metric of an experiment: what it is for, and which direction is good."""

    metric_name: str
    role: str = "primary"
    better: str = "higher"
    margin: float = 0.0
    is_in_family: bool = True


class Comparison(NamedTuple):
    """A treatment arm to be compared with the control, by one metric."""

    experiment_id: str
    metric: Measured
    control: Arm
    treatment: Arm
    terms: Terms


@dataclass(frozen=True)
class Counted:
    """One experiment: its terms, and its arms by metric, the control first.

    Attributes
    ----------
    day_count : int
        Days from the first exposure to the last, both included.
    is_decidable : bool
        False before the registered end of an experiment that decides only there.
    has_changed : bool
        Whether what the result means was changed while it ran.
    """

    experiment_id: str
    terms: Terms
    metrics: tuple[tuple[Measured, tuple[Arm, ...]], ...]
    day_count: int
    is_decidable: bool = True
    has_changed: bool = False

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms; every metric has the same units."""
        return self.metrics[0][1]

    def comparisons(self) -> Iterator[Comparison]:
        """Yield every treatment arm that has units, by metric."""
        for metric, (control, *treatments) in self.metrics:
            for treatment in treatments:
                if treatment.unit_count or treatment.multi_arm_unit_count:
                    yield Comparison(
                        self.experiment_id, metric, control, treatment, self.terms
                    )


def read_counts(connection: psycopg.Connection) -> list[Counted]:
    """Read the counts of every experiment that has exposed units."""
    rows = connection.execute(_COUNTED).fetchall()
    return [_counted(list(group)) for _, group in groupby(rows, key=lambda row: row[0])]


def _counted(rows: list[tuple]) -> Counted:
    """Make one experiment of its rows, one per metric and arm."""
    first = rows[0]
    return Counted(
        experiment_id=first[0],
        terms=Terms(*first[2:9]),
        metrics=tuple(
            (
                Measured(metric_name, *arms[0][9:13]),
                tuple(Arm(*arm[13:18]) for arm in arms),
            )
            for metric_name, group in groupby(rows, key=lambda row: row[1])
            for arms in [list(group)]
        ),
        day_count=first[18],
        is_decidable=first[19],
        has_changed=first[20],
    )
