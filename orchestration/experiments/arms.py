"""What is known of an experiment before anything is estimated: its arms and terms."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

Correction = Literal["holm", "benjamini_hochberg"]
MetricType = Literal["proportion", "mean", "ratio", "quantile"]

Number = int | Decimal


class Sums(NamedTuple):
    """Sums over the units of one arm, exact, from which its moments follow.

    Products are with the value, and of the denominators with each other. What is
    earlier is from before exposure. A unit with a covariate or an earlier denominator
    other than zero has history.
    """

    value: Number = 0
    value_square: Number = 0
    denominator: Number = 0
    denominator_square: Number = 0
    denominator_product: Number = 0
    covariate: Number = 0
    covariate_square: Number = 0
    covariate_product: Number = 0
    history_units: int = 0
    history_product: Number = 0
    denominator_covariate: Number = 0
    history_denominator: Number = 0
    earlier_denominator: Number = 0
    earlier_denominator_square: Number = 0
    earlier_denominator_value: Number = 0
    earlier_denominator_product: Number = 0
    earlier_denominator_covariate: Number = 0


class AroundQuantile(NamedTuple):
    """The events of one arm around a quantile, as `quantiles.QuantileSample` has them.

    `below` is a unit's events at or below the value; sums are over units.
    """

    event_count: int
    value: float
    low_value: float
    high_value: float
    below_sum: int
    below_square_sum: int
    event_square_sum: int
    product_sum: int


class Arm(NamedTuple):
    """Units of one arm whose window is over, and what they did.

    `immature_unit_count` are those whose window is not over: they are in no estimate.
    """

    variant: str
    unit_count: int
    conversion_count: int
    multi_arm_unit_count: int
    weight: float = 1.0
    immature_unit_count: int = 0
    sums: Sums | None = None
    around: AroundQuantile | None = None


class Split(NamedTuple):
    """Units of every arm that share a value, such as a browser or a day."""

    dimension: str
    value: str
    units: tuple[int, ...]


@dataclass(frozen=True)
class Terms:
    """How an experiment decides, as its file declares it.

    Attributes
    ----------
    prior_mean, prior_deviation : float or None
        Of the lifts that were expected, where a posterior is asked for.
    """

    decision: str = "sequential"
    alpha: float = 0.05
    correction: Correction = "holm"
    expected_units: int = 5_000
    minimum_units: int = 50
    minimum_conversions: int = 5
    minimum_days: int = 3
    prior_mean: float | None = None
    prior_deviation: float | None = None


@dataclass(frozen=True)
class Measured:
    """A metric of an experiment: what it is for, and which direction is good.

    Attributes
    ----------
    quantile : float or None
        Which, of a metric of this type.
    is_adjusted : bool
        Whether what decides is adjusted for what units did before exposure.
    """

    metric_name: str
    role: str = "primary"
    better: str = "higher"
    margin: float = 0.0
    is_in_family: bool = True
    type: MetricType = "proportion"
    quantile: float | None = None
    is_adjusted: bool = False


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
    phase : int
        The phase that is looked at: the last that anybody was exposed in.
    day_count : int
        Days from the first exposure to the last, both included.
    is_decidable : bool
        False before the registered end of an experiment that decides only there, and
        before the windows of those exposed last are over.
    has_changed : bool
        Whether what the result means was changed while it ran.
    within : pair of str
        The dimension and the value that all its units share; all of the whole.
    splits : tuple of Split
        Of the whole, units by day of first exposure and by every other value.
    """

    experiment_id: str
    terms: Terms
    metrics: tuple[tuple[Measured, tuple[Arm, ...]], ...]
    day_count: int
    is_decidable: bool = True
    has_changed: bool = False
    phase: int = 1
    within: tuple[str, str] = ("all", "all")
    splits: tuple[Split, ...] = ()

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms; every metric has the same units, mature or not."""
        return self.metrics[0][1]

    def comparisons(self) -> Iterator[Comparison]:
        """Yield every treatment arm that has units, by metric."""
        for metric, (control, *treatments) in self.metrics:
            for treatment in treatments:
                if met(treatment) or treatment.multi_arm_unit_count:
                    yield Comparison(
                        self.experiment_id, metric, control, treatment, self.terms
                    )


def met(arm: Arm) -> int:
    """Return the units that met this arm alone, mature or not."""
    return arm.unit_count + arm.immature_unit_count
