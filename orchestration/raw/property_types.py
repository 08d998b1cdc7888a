"""Contracts as types: what plainly meets one is told by a decoder in C.

A type takes less than its contract, never more: whatever it does not take is judged by
the contract itself. What it takes, it encodes as the contract's own way would.
"""

import math
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestration.raw.contracts import Contract, Schema
from orchestration.raw.envelope import PAGE_TITLE, STRING_LENGTH

# Up to here whole numbers and doubles are the same, and so are their bounds.
_EXACT = 2**53
# What a contract, a text or a number may say and still be a type.
_CONTRACT_WORDS = {
    *("$schema", "title", "description", "examples"),
    *("type", "properties", "required", "additionalProperties"),
}
_TEXT_WORDS = {"type", "description", "minLength", "maxLength", "enum"}
_NUMBER_WORDS = {"type", "description", "minimum", "maximum"}
_BARE_WORDS = {"type", "description"}


class PropertyType:
    """The properties of one contract as a type.

    Attributes
    ----------
    decode : callable
        From JSON to an object with an attribute per property, None if it is absent;
        raises a MsgspecError for what is not plainly right.
    takes_any_title : bool
        Whether the title of any envelope can stand among the properties.
    """

    def __init__(self, contract: Contract) -> None:
        required = set(contract.schema.get("required", []))
        fields: list[tuple] = []
        for name, rules in contract.schema["properties"].items():
            kind = _type_of(rules)
            if kind is None or not name.isidentifier():
                continue
            # A property that is null is absent to all that follows.
            field = (name, kind) if name in required else (name, kind | None, None)
            fields.append(field)
        self.decode = msgspec.json.Decoder(
            msgspec.defstruct(
                contract.name,
                sorted(fields, key=len),
                forbid_unknown_fields=True,
                omit_defaults=True,
                gc=False,
            )
        ).decode
        names = {name for name, *_ in fields}
        title = contract.schema["properties"].get(PAGE_TITLE, {})
        self.takes_any_title = PAGE_TITLE in names and (
            title.get("maxLength", 0) >= STRING_LENGTH and "enum" not in title
        )
        # The class is asked for twice, since of one attribute there would be no tuple.
        self._watched = attrgetter(
            *sorted(names & contract.watched), "__class__", "__class__"
        )
        self._sources = [
            source if source in names else None for source in contract.sources
        ]
        found = [source for source in self._sources if source is not None]
        self._hot = attrgetter(*found, "__class__", "__class__")

    def watched(self, properties: object) -> list[object]:
        """Return values that can hold what nobody declared."""
        values = self._watched(properties)
        if _are_absent(values):
            return []
        return [value for value in values[:-2] if value is not None]

    def hot(self, properties: object) -> tuple | None:
        """Return the values of HOT_COLUMNS, None if there are none."""
        values = self._hot(properties)
        if _are_absent(values):
            return None
        rest = iter(values)
        return tuple(
            None if source is None else _whole(next(rest)) for source in self._sources
        )


def _are_absent(values: tuple) -> bool:
    """Tell whether all of them are, but for the classes at the end."""
    return values.count(None) == len(values) - 2


def property_type(contract: Contract) -> PropertyType | None:
    """Return the type of a contract, None if it says what no type can."""
    words = {word for word in contract.schema if not word.startswith("x-")}
    if contract.is_open or contract.has_money or not words <= _CONTRACT_WORDS:
        return None
    properties = contract.schema["properties"]
    if any(
        _type_of(properties.get(name, {})) is None
        for name in contract.schema.get("required", [])
    ):
        return None
    return PropertyType(contract)


def _whole(value: object) -> object:
    return round(value) if type(value) is float else value


def _type_of(rules: Schema) -> Any:
    """Return the type of one property; without one, it is left to the contract."""
    words = set(rules)
    match rules.get("type"):
        case "string" if words <= _TEXT_WORDS:
            return _text(rules)
        case "integer" if words <= _NUMBER_WORDS:
            return _number(int, rules)
        case "number" if words <= _NUMBER_WORDS:
            return _number(int, rules) | _number(float, rules)
        case "boolean" if words <= _BARE_WORDS:
            return bool
        case "object" if words <= _BARE_WORDS:
            return dict[str, Any]
    return None


def _text(rules: Schema) -> Any:
    if "enum" not in rules:
        limits = Meta(
            min_length=rules.get("minLength"), max_length=rules.get("maxLength")
        )
        return Annotated[str, limits]
    allowed = tuple(rules["enum"])
    is_plain = {"minLength", "maxLength"}.isdisjoint(rules) and all(
        isinstance(item, str) for item in allowed
    )
    return Literal[allowed] if is_plain else None


def _number(kind: type, rules: Schema) -> Any:
    lowest = max(rules.get("minimum", -_EXACT), -_EXACT)
    highest = min(rules.get("maximum", _EXACT), _EXACT)
    if kind is int:
        lowest, highest = math.ceil(lowest), math.floor(highest)
    return Annotated[kind, Meta(ge=lowest, le=highest)]
