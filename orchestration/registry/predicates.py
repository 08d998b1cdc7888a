"""Predicates as people write them: trees of comparisons joined by all, any and not."""

import datetime as dt
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

# Names become identifiers and file names; Postgres cuts identifiers at 63 bytes.
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,54}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]

MAX_TEXT = 1000


def _scalar(value: object) -> object:
    """Return a plain value as it is; one error for whatever is none."""
    plain = isinstance(value, str | bool | int | dt.date)
    if isinstance(value, float) and isfinite(value):
        plain = True
    if not plain:
        message = (
            "not a value; allowed: text, a number, true, false, a date, an instant"
        )
        raise PydanticCustomError("value", message)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise PydanticCustomError("value", "longer than 1000 characters")
    return value


Value = Annotated[object, PlainValidator(_scalar)]

OPERATORS = (
    "is",
    "one_of",
    "above",
    "at_least",
    "below",
    "at_most",
    "contains",
    "starts_with",
    "exists",
)


class Definition(BaseModel):
    """A part of a definition: nothing extra, nothing coerced, never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Comparison(Definition):
    """A column or a property of the row against a value; false where it is null."""

    column: Name | None = None
    property_: Name | None = Field(default=None, alias="property")
    is_: Value | None = Field(default=None, alias="is")
    one_of: Annotated[list[Value], Field(min_length=1, max_length=1000)] | None = None
    above: Value | None = None
    at_least: Value | None = None
    below: Value | None = None
    at_most: Value | None = None
    contains: Value | None = None
    starts_with: Value | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Comparison":
        if (self.column is None) == (self.property_ is None):
            raise PydanticCustomError("subject", "name one column or one property")
        if len(list(self._said())) != 1:
            names = ", ".join(OPERATORS)
            raise PydanticCustomError(
                "operator",
                "say exactly one comparison; allowed: {names}",
                {"names": names},
            )
        return self

    @property
    def operator(self) -> str:
        """Return the name of the one comparison that was written."""
        return next(self._said())[0]

    @property
    def value(self) -> Any:
        """Return the value, or the list of values, to compare with."""
        return next(self._said())[1]

    def _said(self) -> Iterator[tuple[str, Any]]:
        for name in OPERATORS:
            value = self.is_ if name == "is" else getattr(self, name)
            if value is not None:
                yield name, value


class All(Definition):
    """Holds where every one of its predicates holds."""

    all: Annotated[list["Predicate"], Field(min_length=1, max_length=100)]


class AnyOf(Definition):
    """Holds where at least one of its predicates holds."""

    any: Annotated[list["Predicate"], Field(min_length=1, max_length=100)]


class Not(Definition):
    """Holds exactly where its predicate does not, nulls included."""

    not_: "Predicate" = Field(alias="not")


class InSegment(Definition):
    """Holds for the members of another segment."""

    segment: Name


_FORMS: dict[type, str] = {
    All: "(all)",
    AnyOf: "(any)",
    Not: "(not)",
    InSegment: "(segment)",
    Comparison: "(comparison)",
}


def _form(value: object) -> str | None:
    """Tell which form a predicate has by the key that only this form has."""
    if isinstance(value, Definition):
        return _FORMS.get(type(value))
    if not isinstance(value, dict):
        return None
    for key in ("all", "any", "not", "segment"):
        if key in value:
            return f"({key})"
    return "(comparison)" if value.keys() & {"column", "property"} else None


Predicate = Annotated[
    Annotated[All, Tag("(all)")]
    | Annotated[AnyOf, Tag("(any)")]
    | Annotated[Not, Tag("(not)")]
    | Annotated[InSegment, Tag("(segment)")]
    | Annotated[Comparison, Tag("(comparison)")],
    Discriminator(
        _form,
        custom_error_type="predicate",
        custom_error_message=(
            "not a predicate; allowed: all, any, not, segment, column, property"
        ),
    ),
]

All.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()
