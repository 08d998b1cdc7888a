"""What experiments are: arms, phases, metrics, and the terms on which they decide.

SEMANTICS 2.11 in the words of `registry/experiments/*.yml`. A field that came after the
first release has None for its default and means what its description says: None is not
stored, so that definitions which do not know the field keep their bodies.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from orchestration.registry.funnels import Happenings, Subject
from orchestration.registry.kinds import Happening, Text, Title, all_differ, instant
from orchestration.registry.predicates import Definition, Name
from orchestration.registry.retentions import Behaviour, Path

# Parts of an experiment besides the events of its metrics, which count from 1.
DIVISORS, REVERSALS, AMOUNTS = 100, 200, 300

Weight = Annotated[int, Field(ge=0, le=10_000)]
Hours = Annotated[int, Field(ge=1, le=24 * 366)]


class Arm(Definition):
    """One arm of an experiment and its share of the traffic."""

    variant: Name
    weight: Weight = 1


class Phase(Definition):
    """A later stretch of an experiment: its weights, in the order of the arms."""

    starts_at: dt.datetime
    weights: Annotated[list[Weight], Field(min_length=2, max_length=20)]

    @field_validator("starts_at")
    @classmethod
    def _is_an_instant(cls, value: dt.datetime) -> dt.datetime | None:
        return instant(value)


class Cap(Definition):
    """Above what a unit counts no more: a value, or a quantile of the units so far.

    Attributes
    ----------
    value : float or None
        The highest value of a unit.
    quantile : float or None
        That of the values other than 0 of all arms, of the units exposed before
        `frozen_on`, so that it stays what it was.
    """

    value: Annotated[float, Field(gt=0)] | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    frozen_on: dt.date | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Cap":
        if (self.value is None) == (self.quantile is None):
            raise PydanticCustomError("cap", "name a value, or a quantile")
        if (self.quantile is None) != (self.frozen_on is None):
            raise PydanticCustomError("cap", "a quantile is frozen_on a day")
        return self


class Prior(Definition):
    """What lifts were expected to be: a normal around `mean`, as shares of the control.

    Attributes
    ----------
    deviation : float
        Two lifts in three are within it of the mean.
    """

    mean: Annotated[float, Field(gt=-1, lt=10)] = 0
    deviation: Annotated[float, Field(gt=0, le=10)]


class ExperimentMetric(Definition):
    """What is measured of every unit, from events strictly after its exposure.

    Attributes
    ----------
    type : str or None
        proportion (the default): whether any such event happened. mean: how many, or
        the sum of `value`. ratio: that over the number of events of `divided_by`.
        quantile: that of `value` over events.
    value, currency : Subject or None, str or None
        What is added up of an event; amounts of another currency are not.
    reversed_by, reversal_hours : list of Happening or None, int or None
        Events that take back what was counted, up to so long after the window: a unit
        counts only once that is over too.
    within_hours, after_hours : int or None
        The window since exposure: none is open. Units whose window is not over do not
        count yet.
    lookback_hours : int or None
        Instead: up to so long before `ends_at`, whenever a unit was exposed.
    cap : Cap or None
        Of a mean or a ratio.
    covariate : str or None
        before_exposure: what decides is adjusted for the same metric before exposure.
    margin : float or None
        By how much a guardrail may be worse, in the unit of the metric.
    funnel, step : str or None
        Instead of events, of a proportion: whether the unit came through a funnel of
        registry/funnels, or as far as one of its steps, by what it did after exposure
        and inside the window alone.
    """

    name: Name
    role: Literal["primary", "secondary", "guardrail"] = "primary"
    better: Literal["higher", "lower"] = "higher"
    margin: Annotated[float, Field(ge=0)] | None = None
    within_hours: Hours | None = None
    events: Happenings | None = None
    type: Literal["proportion", "mean", "ratio", "quantile"] | None = None
    value: Subject | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    divided_by: Happenings | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    reversed_by: Happenings | None = None
    reversal_hours: Hours | None = None
    after_hours: Hours | None = None
    lookback_hours: Hours | None = None
    cap: Cap | None = None
    covariate: Literal["before_exposure"] | None = None
    funnel: Name | None = None
    step: Name | None = None

    @model_validator(mode="after")
    def _has_events_or_a_funnel(self) -> "ExperimentMetric":
        if (self.events is None) == (self.funnel is None):
            raise PydanticCustomError("events", "name events, or a funnel")
        if self.step and not self.funnel:
            raise PydanticCustomError("step", "goes with a funnel")
        for name in ("type", "reversed_by", "after_hours", "lookback_hours"):
            if self.funnel and getattr(self, name) is not None:
                message = "{name}: does not go with a funnel"
                raise PydanticCustomError("funnel", message, {"name": name})
        if self.funnel and self.covariate:
            raise PydanticCustomError("covariate", "does not go with a funnel")
        return self

    @model_validator(mode="after")
    def _guardrails_have_margins(self) -> "ExperimentMetric":
        if (self.role == "guardrail") != (self.margin is not None):
            message = "margin, a difference of rates, belongs to every guardrail alone"
            raise PydanticCustomError("margin", message)
        if not self.type and self.margin is not None and self.margin >= 1:
            raise PydanticCustomError("margin", "a margin of rates is less than 1")
        return self

    @model_validator(mode="after")
    def _fits_its_type(self) -> "ExperimentMetric":
        type_ = self.type or "proportion"
        belongs = (
            ("divided_by", self.divided_by, type_ == "ratio"),
            ("quantile", self.quantile, type_ == "quantile"),
            ("reversal_hours", self.reversal_hours, self.reversed_by is not None),
        )
        for name, given, is_asked in belongs:
            if (given is not None) != is_asked:
                message = "{name}: missing, or does not go with {what}"
                what = "reversed_by" if name == "reversal_hours" else f"type {type_}"
                context = {"name": name, "what": what}
                raise PydanticCustomError("type", message, context)
        if type_ == "proportion" and (self.value or self.cap):
            raise PydanticCustomError("type", "a proportion has no value and no cap")
        if type_ == "quantile" and (not self.value or self.cap or self.reversed_by):
            raise PydanticCustomError("type", "a quantile is of a value, as it stands")
        if type_ == "quantile" and self.covariate:
            raise PydanticCustomError("covariate", "does not go with a quantile")
        money = self.value is not None and self.value.column == "value_minor"
        if (self.currency is not None) != money:
            raise PydanticCustomError("currency", "goes with column: value_minor")
        return self

    @model_validator(mode="after")
    def _has_a_window_that_ends(self) -> "ExperimentMetric":
        waits = self.reversed_by or self.after_hours or (self.cap and self.cap.quantile)
        if waits and self.within_hours is None:
            message = "reversals, after_hours and a quantile of a cap need within_hours"
            raise PydanticCustomError("within_hours", message)
        if self.within_hours and (self.after_hours or 0) >= self.within_hours:
            raise PydanticCustomError("after_hours", "is not before within_hours")
        if self.lookback_hours and self.within_hours:
            raise PydanticCustomError("lookback_hours", "is instead of within_hours")
        return self


class Experiment(Behaviour):
    """A randomised comparison; the first arm is the control.

    Attributes
    ----------
    phases : list of Phase or None
        Later phases, which may be added while it runs. Only the last one is analysed:
        units of different weights are not comparable.
    assigned_by : str or None
        Whose hash chooses the arm (experiments/assignment.py), where clients keep to
        it: logged variants are compared with it. None: clients assign as they like.
    history_days : int or None
        How long before its exposure a unit's covariates are read: 14 by default.
    enrols_until : datetime or None
        The cohort design: who is exposed later is not of the experiment, and every
        metric has a window, which runs on after the end.
    prior : Prior or None
        Of the lifts: results then have a posterior beside, which decides nothing.
    """

    title: Title
    hypothesis: Text = ""
    state: Literal["DRAFT", "RUNNING", "PAUSED", "COMPLETED"] = "DRAFT"
    unit: Literal["person"] = "person"
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    arms: Annotated[list[Arm], Field(min_length=2, max_length=20)]
    phases: Annotated[list[Phase], Field(min_length=1, max_length=50)] | None = None
    metrics: Annotated[list[ExperimentMetric], Field(min_length=1, max_length=50)]
    decision: Literal["sequential", "fixed"] = "sequential"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    expected_units: Annotated[int, Field(ge=100)] = 5000
    family: Annotated[list[Name], Field(min_length=1)] | None = None
    correction: Literal["holm", "benjamini_hochberg"] = "holm"
    minimum_units: Annotated[int, Field(ge=1)] = 50
    minimum_conversions: Annotated[int, Field(ge=0)] = 5
    minimum_days: Annotated[int, Field(ge=1)] = 3
    history_days: Annotated[int, Field(ge=1, le=90)] | None = None
    assigned_by: Literal["user_id", "device_id"] | None = None
    prior: Prior | None = None
    enrols_until: dt.datetime | None = None

    @field_validator("starts_at", "ends_at", "enrols_until")
    @classmethod
    def _are_instants(cls, value: dt.datetime | None) -> dt.datetime | None:
        return instant(value)

    @model_validator(mode="after")
    def _hangs_together(self) -> "Experiment":
        all_differ([arm.variant for arm in self.arms], "variant")
        all_differ([metric.name for metric in self.metrics], "metric")
        if not any(metric.role == "primary" for metric in self.metrics):
            raise PydanticCustomError("primary", "no metric has the role primary")
        if self.state != "DRAFT" and self.starts_at is None:
            raise PydanticCustomError("starts_at", "has left DRAFT without starts_at")
        if self.decision == "fixed" and self.state != "DRAFT" and not self.ends_at:
            message = "decision fixed needs ends_at, the registered end"
            raise PydanticCustomError("ends_at", message)
        if not self.ends_at and any(each.lookback_hours for each in self.metrics):
            raise PydanticCustomError("ends_at", "lookback_hours count back from it")
        return self

    @model_validator(mode="after")
    def _goes_forward_in_time(self) -> "Experiment":
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise PydanticCustomError("ends_at", "ends_at is not after starts_at")
        if self.phases:
            begun = [self.starts_at, *(phase.starts_at for phase in self.phases)]
            ordered = [each for each in (*begun, self.ends_at) if each]
            if None in begun or sorted(set(ordered)) != ordered:
                message = "phases do not follow starts_at and each other before ends_at"
                raise PydanticCustomError("phases", message)
        return self

    @model_validator(mode="after")
    def _enrols_units_that_have_a_window(self) -> "Experiment":
        first = self.phases[-1].starts_at if self.phases else self.starts_at
        if self.enrols_until and (not first or self.enrols_until <= first):
            message = "enrols_until is not after the last phase began"
            raise PydanticCustomError("enrols_until", message)
        is_open = any(each.within_hours is None for each in self.metrics)
        if self.enrols_until and is_open:
            message = "enrols_until asks every metric for within_hours"
            raise PydanticCustomError("enrols_until", message)
        return self

    @model_validator(mode="after")
    def _has_a_fair_comparison(self) -> "Experiment":
        declared = [[arm.weight for arm in self.arms]]
        declared += [phase.weights for phase in self.phases or ()]
        for weights in declared:
            if len(weights) != len(self.arms):
                message = "weights of a phase are those of all arms, in their order"
                raise PydanticCustomError("weights", message)
            if not weights[0] or not any(weights[1:]):
                message = "the control and a treatment need a weight above 0"
                raise PydanticCustomError("weights", message)
        if self.family is not None:
            all_differ(self.family, "metric of the family")
            primary = {each.name for each in self.metrics if each.role == "primary"}
            allowed = {each.name for each in self.metrics if each.role != "guardrail"}
            if not primary <= set(self.family) <= allowed:
                message = "family holds every primary metric, and no guardrail"
                raise PydanticCustomError("family", message)
        return self

    def doings(self) -> Iterator[tuple[int, Path, list[Happening]]]:
        """Yield the events of every metric, what divides and what reverses them."""
        for index, metric in enumerate(self.metrics):
            for first, name, events in (
                (0, "events", metric.events),
                (DIVISORS, "divided_by", metric.divided_by),
                (REVERSALS, "reversed_by", metric.reversed_by),
            ):
                if events:
                    yield first + index + 1, ("metrics", index, name), events

    def values(self) -> Iterator[tuple[int, Path, Subject]]:
        """Yield what is added up of the events of every metric."""
        for index, metric in enumerate(self.metrics):
            if metric.value:
                yield AMOUNTS + index + 1, ("metrics", index, "value"), metric.value
