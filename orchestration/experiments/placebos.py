"""Placebos: real units split at random, where a difference can only be chance.

If more of them differ than alpha allows, the path from events to p-values is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

import numpy as np
import psycopg
from numpy.typing import NDArray
from scipy.stats import binom

from orchestration.experiments.arms import (
    Arm,
    Comparison,
    Measured,
    MetricType,
    Sums,
    Terms,
)
from orchestration.experiments.estimates import SMALLEST_EXPECTED_COUNT, estimate

FloatArray = NDArray[np.float64]

SPLITS = 200
# Under this, so many false positives are no accident.
ALARM = 0.001
# One hash of a unit has so many bits, each of which is a split of its own.
_BITS = 256

# The metric that most units converted on, with every unit that was exposed.
_UNITS = """
with chosen as (

    select
        statistics.experiment_id,
        statistics.phase,
        statistics.metric_name,
        metrics.metric_type
    from marts.experiment_statistics as statistics
    inner join registry.experiment_metrics as metrics
        on
            statistics.experiment_id = metrics.experiment_id
            and statistics.metric_name = metrics.metric_name
            and metrics.metric_type <> 'quantile'
    where statistics.dimension = 'all'
    group by 1, 2, 3, 4
    order by sum(statistics.conversion_count) desc, 1, 2, 3
    limit 1

)

select
    chosen.experiment_id,
    chosen.metric_name,
    chosen.metric_type,
    exposures.person_id,
    coalesce(units.value, 0)::float8,
    coalesce(units.denominator, 0)::float8
from chosen
inner join marts.experiment_exposures as exposures
    on
        chosen.experiment_id = exposures.experiment_id
        and chosen.phase = exposures.phase
left join marts.experiment_units as units
    on
        chosen.experiment_id = units.experiment_id
        and chosen.phase = units.phase
        and chosen.metric_name = units.metric_name
        and exposures.person_id = units.person_id
"""


@dataclass(frozen=True)
class Units:
    """Units of one metric, one element per unit."""

    ids: Sequence[str]
    type: MetricType
    value: FloatArray
    denominator: FloatArray


@dataclass(frozen=True)
class Placebo:
    """What came of so many splits; columns of experiments.placebos.

    Attributes
    ----------
    split_count : int
        Splits that could be tested; 0 where too few units converted.
    false_positive_count : int
        Of these, those with a p-value below alpha.
    p_value : float or None
        Probability of at least so many by chance.
    """

    placebo_on: date
    experiment_id: str
    metric_name: str
    unit_count: int
    split_count: int
    false_positive_count: int
    alpha: float
    p_value: float | None

    @property
    def is_alarming(self) -> bool:
        """Whether so many false positives are no accident."""
        return self.p_value is not None and self.p_value < ALARM


def split_units(units: Units, *, count: int, salt: str) -> list[Comparison]:
    """Split the same units by halves in so many ways, the same for the same salt."""
    parts = [
        _bits(units.ids, f"{salt} {first}")[:, : min(_BITS, count - first)]
        for first in range(0, count, _BITS)
    ]
    sides = np.concatenate(parts, axis=1).astype(float)
    columns = {
        "units": np.ones(len(units.value)),
        "conversions": (units.value != 0).astype(float),
        "value": units.value,
        "value_square": units.value**2,
        "denominator": units.denominator,
        "denominator_square": units.denominator**2,
        "denominator_product": units.value * units.denominator,
    }
    ones = {name: each @ sides for name, each in columns.items()}
    others = {name: columns[name].sum() - each for name, each in ones.items()}
    return [
        Comparison(
            f"{salt} {place}",
            Measured("placebo", type=units.type),
            _arm({name: each[place] for name, each in ones.items()}),
            _arm({name: each[place] for name, each in others.items()}),
            Terms(decision="fixed"),
        )
        for place in range(count)
    ]


def false_positives(
    comparisons: Sequence[Comparison], *, alpha: float = 0.05
) -> tuple[int, int]:
    """Return how many comparisons could be tested, and how many are significant."""
    found = estimate(comparisons)
    is_tested = ~np.isnan(found.p_value) & ~(
        found.smallest_expected_count < SMALLEST_EXPECTED_COUNT
    )
    return int(is_tested.sum()), int((found.p_value[is_tested] < alpha).sum())


def try_placebos(
    connection: psycopg.Connection, *, day: date, alpha: float = 0.05
) -> Placebo | None:
    """Split the units of a day anew and store what came of it; None without units.

    A day's splits are its own, and made once: what is stored already is returned.
    """
    stored = connection.execute(
        "select * from experiments.placebos where placebo_on = %s", (day,)
    ).fetchone()
    if stored:
        return Placebo(*stored)
    rows = connection.execute(_UNITS).fetchall()
    if not rows:
        return None
    experiment_id, metric_name, type_ = rows[0][:3]
    units = Units(
        [row[3] for row in rows],
        type_,
        np.array([row[4] for row in rows]),
        np.array([row[5] for row in rows]),
    )
    tested, found = false_positives(
        split_units(units, count=SPLITS, salt=day.isoformat()), alpha=alpha
    )
    chance = float(binom.sf(found - 1, tested, alpha)) if tested else None
    placebo = Placebo(
        *(day, experiment_id, metric_name, len(rows), tested, found, alpha, chance)
    )
    connection.execute(
        "insert into experiments.placebos values (%s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict do nothing",
        tuple(vars(placebo).values()),
    )
    return placebo


def _bits(ids: Sequence[str], salt: str) -> NDArray[np.uint8]:
    """Return 256 fair coins of every unit."""
    digests = b"".join(sha256(f"{salt} {each}".encode()).digest() for each in ids)
    table = np.frombuffer(digests, dtype=np.uint8).reshape(-1, _BITS // 8)
    return np.unpackbits(table, axis=1)


def _arm(sums: dict[str, float]) -> Arm:
    exact = Sums(
        value=Decimal(float(sums["value"])),
        value_square=Decimal(float(sums["value_square"])),
        denominator=Decimal(float(sums["denominator"])),
        denominator_square=Decimal(float(sums["denominator_square"])),
        denominator_product=Decimal(float(sums["denominator_product"])),
    )
    return Arm("half", int(sums["units"]), int(sums["conversions"]), 0, sums=exact)
