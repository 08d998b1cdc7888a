"""What analysts write: segments, metrics, reports; and what all kinds share."""

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
