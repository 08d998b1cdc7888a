"""What analysts write: segments, experiments, metrics, reports."""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from orchestration.registry.predicates import Definition, Name, Predicate

Title = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Text = Annotated[str, StringConstraints(max_length=2000)]
EventName = Annotated[
    str, StringConstraints(pattern=r"^((custom|app)\.)?[a-z][a-z0-9_]{0,54}$")
]

# A test by path and name, as pytest takes it.
TestName = Annotated[str, StringConstraints(pattern=r"^[\w./-]+\.py::test_\w+$")]

_CRON_FIELD = r"(\*|\d{1,2}(-\d{1,2})?)(/\d{1,2})?(,\d{1,2}(-\d{1,2})?)*"
_CRON = re.compile(rf"^{_CRON_FIELD}( {_CRON_FIELD}){{4}}$")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class Dated(Definition):
    """What stands at the top of a file: a version may say since when it is meant."""

    valid_from: dt.datetime | None = None

    @field_validator("valid_from")
    @classmethod
    def _is_aninstant(cls, value: dt.datetime | None) -> dt.datetime | None:
        return instant(value)


class Happening(Definition):
    """An event of this name for which the condition holds."""

    event: EventName
    where: Predicate | None = None


class Segment(Dated):
    """A named rule over persons."""

    title: Title
    description: Text = ""
    rule: Predicate


class Arm(Definition):
    """One arm of an experiment and its share of the traffic."""

    variant: Name
    weight: Annotated[int, Field(ge=0, le=10_000)] = 1


class ExperimentMetric(Definition):
    """What counts as a conversion: the first such event strictly after exposure."""

    name: Name
    role: Literal["primary", "secondary", "guardrail"] = "primary"
    better: Literal["higher", "lower"] = "higher"
    margin: Annotated[float, Field(ge=0, lt=1)] | None = None
    within_hours: Annotated[int, Field(ge=1, le=24 * 366)] | None = None
    events: Annotated[list[Happening], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _guardrails_have_margins(self) -> "ExperimentMetric":
        if (self.role == "guardrail") != (self.margin is not None):
            message = "margin, a difference of rates, belongs to every guardrail alone"
            raise PydanticCustomError("margin", message)
        return self


class Experiment(Dated):
    """A randomised comparison; the first arm is the control."""

    title: Title
    hypothesis: Text = ""
    state: Literal["DRAFT", "RUNNING", "PAUSED", "COMPLETED"] = "DRAFT"
    unit: Literal["person"] = "person"
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    arms: Annotated[list[Arm], Field(min_length=2, max_length=20)]
    metrics: Annotated[list[ExperimentMetric], Field(min_length=1, max_length=50)]
    decision: Literal["sequential", "fixed"] = "sequential"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    expected_units: Annotated[int, Field(ge=100)] = 5000
    family: Annotated[list[Name], Field(min_length=1)] | None = None
    correction: Literal["holm", "benjamini_hochberg"] = "holm"
    minimum_units: Annotated[int, Field(ge=1)] = 50
    minimum_conversions: Annotated[int, Field(ge=0)] = 5
    minimum_days: Annotated[int, Field(ge=1)] = 3

    @field_validator("starts_at", "ends_at")
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
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise PydanticCustomError("ends_at", "ends_at is not after starts_at")
        if self.decision == "fixed" and self.state != "DRAFT" and not self.ends_at:
            message = "decision fixed needs ends_at, the registered end"
            raise PydanticCustomError("ends_at", message)
        return self

    @model_validator(mode="after")
    def _has_a_fair_comparison(self) -> "Experiment":
        weights = [arm.weight for arm in self.arms]
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


class Metric(Definition):
    """A number per day: its meaning, owner, formula, proof, and better direction."""

    title: Title
    description: Text
    owner: Title
    formula: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    tested_by: Annotated[list[TestName], Field(min_length=1, max_length=20)]
    unit: Literal["count", "rate", "money", "seconds"]
    better: Literal["higher", "lower", "neither"] = "higher"


class Report(Dated):
    """What goes out regularly: which metrics, as what, when."""

    title: Title
    description: Text = ""
    cron: str
    formats: Annotated[list[Literal["html", "csv"]], Field(min_length=1)]
    metrics: Annotated[list[Name], Field(min_length=1, max_length=100)]

    @field_validator("cron")
    @classmethod
    def _is_a_cron_line(cls, value: str) -> str:
        fields = value.split(" ")
        well_formed = _CRON.match(value) is not None and all(
            low <= int(number) <= high
            for field, (low, high) in zip(fields, _CRON_RANGES, strict=True)
            for number in re.findall(r"\d+", field.split("/")[0])
        )
        if not well_formed:
            message = (
                "not a cron line; allowed: minute hour day-of-month month day-of-week"
            )
            raise PydanticCustomError("cron", message)
        return value

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> "Report":
        all_differ(self.metrics, "metric")
        all_differ(self.formats, "format")
        return self


def instant(value: dt.datetime | None) -> dt.datetime | None:
    """Return the instant; one without a zone could be any of many."""
    if value is not None and value.tzinfo is None:
        message = "an instant without zone; allowed: 2026-01-31T00:00:00Z"
        raise PydanticCustomError("instant", message)
    return value


def all_differ(names: Sequence[str], thing: str) -> None:
    """Refuse a name that stands twice."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        message = "{thing} named twice: {names}"
        values = {"thing": thing, "names": ", ".join(repeated)}
        raise PydanticCustomError("repeated", message, values)
