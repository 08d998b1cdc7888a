"""Contracts: what the properties of each kind of event must look like.

`registry/contracts/<event>.yml` is a JSON Schema (draft 7) of the properties, with a
few words of our own; `envelope.yml` holds what all events share. A contract is read
and compiled when the first event of its kind is met.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastjsonschema import JsonSchemaDefinitionException, JsonSchemaValueException
from fastjsonschema import compile as compile_schema

from orchestration.raw.envelope import BIGINT, PAGE_TITLE
from orchestration.raw.reasons import Reason, RejectedError, pointer_to
from orchestration.registry.documents import Document, read_document
from orchestration.registry.problems import RegistryError

CUSTOM = "custom"
CUSTOM_PREFIX = "custom."
CUSTOM_NAME = re.compile(r"\Acustom\.[a-z0-9][a-z0-9_]{0,99}\Z")
ENVELOPE = "envelope"

# Our words in a contract, and whether it must have them.
KEYWORDS = {
    "x-version": True,
    "x-interactive": True,
    "x-subject": True,
    "x-columns": False,
    "x-free-text": False,
    "x-forbidden": False,
    "x-soft": False,
    "x-counter-examples": False,
}
SUBJECTS = ("required", "none")

# The columns of raw.events that a property can fill, in table order.
HOT_COLUMNS = (
    "occasion_id",
    "listing_id",
    "provider_id",
    "booking_id",
    "order_id",
    "value_minor",
    "currency",
    "duration_ms",
    "status_code",
)
EMPTY_COLUMNS: tuple = (None,) * len(HOT_COLUMNS)

_REASONS = {
    "type": Reason.WRONG_TYPE,
    "required": Reason.MISSING_REQUIRED,
    "dependencies": Reason.MISSING_REQUIRED,
    "anyOf": Reason.MISSING_REQUIRED,
    "enum": Reason.NOT_ALLOWED_VALUE,
    "const": Reason.NOT_ALLOWED_VALUE,
    "pattern": Reason.NOT_ALLOWED_VALUE,
    "maxLength": Reason.STRING_TOO_LONG,
    "minLength": Reason.OUT_OF_BOUNDS,
    "minimum": Reason.OUT_OF_BOUNDS,
    "maximum": Reason.OUT_OF_BOUNDS,
    "exclusiveMinimum": Reason.OUT_OF_BOUNDS,
    "exclusiveMaximum": Reason.OUT_OF_BOUNDS,
    "minItems": Reason.OUT_OF_BOUNDS,
    "maxItems": Reason.OUT_OF_BOUNDS,
}

Schema = dict[str, Any]
JsonSchemaError = JsonSchemaValueException


@dataclass(frozen=True, slots=True)
class Contract:
    """One compiled contract.

    Attributes
    ----------
    known : frozenset of str
        The properties that the contract names; others are kept and flagged.
    is_open : bool
        Whether properties beyond the known are expected, and not flagged.
    free_text : frozenset of str
        Properties that people type; what looks personal in them is masked.
    watched : frozenset of str
        Properties that can hold what nobody declared: free text, objects and lists.
    sources : tuple of (str or None)
        For each of HOT_COLUMNS, the property that fills it.
    """

    name: str
    version: int
    is_interactive: bool
    needs_subject: bool
    known: frozenset[str]
    is_open: bool
    free_text: frozenset[str]
    watched: frozenset[str]
    forbidden: frozenset[str]
    soft: dict[str, str]
    kinds: dict[str, str]
    has_money: bool
    sources: tuple[str | None, ...]
    hot: frozenset[str]
    needs_properties: bool
    schema: Schema
    validate: Callable[[Schema], object]

    def check(self, properties: Schema) -> None:
        """Raise RejectedError with reason and pointer where the schema is not met."""
        try:
            self.validate(properties)
        except JsonSchemaValueException as error:
            raise _rejection(error, properties) from None


class Contracts:
    """The contracts of a registry, each compiled when first asked for.

    Parameters
    ----------
    given : Path or mapping of str to dict
        A folder of files, or schemas that were read before, by name.
    """

    def __init__(self, given: Path | Mapping[str, Schema]) -> None:
        self._given: Mapping[str, Path | Schema] = (
            {path.stem: path for path in sorted(given.glob("*.yml"))}
            if isinstance(given, Path)
            else given
        )
        self._common = self._read_common()
        self.compiled: dict[str, Contract] = {}
        self._custom: Contract | None = None

    def names(self) -> list[str]:
        """Return the names of all events that have a contract."""
        return [name for name in self._given if name != ENVELOPE]

    def find(self, event_name: str) -> Contract | None:
        """Return the contract of an event; custom events share one."""
        contract = self.compiled.get(event_name)
        if contract is not None:
            return contract
        if CUSTOM_NAME.match(event_name):
            if self._custom is None:
                self._custom = self._compile(CUSTOM)
            return self._custom
        if event_name in (ENVELOPE, CUSTOM) or event_name not in self._given:
            return None
        contract = self.compiled[event_name] = self._compile(event_name)
        return contract

    def _read_common(self) -> Schema:
        if ENVELOPE not in self._given:
            return {}
        _, schema = self._read(ENVELOPE)
        return schema["definitions"]["common"]["properties"]

    def _read(self, name: str) -> tuple[Document, Schema]:
        given = self._given[name]
        if isinstance(given, Path):
            return _read(given)
        return Document(f"contracts/{name}.yml", given), given

    def _compile(self, name: str) -> Contract:
        document, schema = self._read(name)
        _examine(document, schema, name)
        properties = {**self._common, **schema.get("properties", {})}
        properties = {field: _bounded(item) for field, item in properties.items()}
        schema = {**schema, "properties": properties}
        free_text = frozenset([*schema.get("x-free-text", []), PAGE_TITLE])
        is_open = schema.get("additionalProperties", False) is True
        try:
            validate = compile_schema(schema, use_default=False, use_formats=False)
        except (JsonSchemaDefinitionException, TypeError, ValueError) as error:
            raise RegistryError([document.problem((), f"no schema: {error}")]) from None
        columns = {name: name for name in HOT_COLUMNS if name in self._common}
        columns |= schema.get("x-columns", {})
        sources = tuple(columns.get(column) for column in HOT_COLUMNS)
        soft = [*schema.get("x-soft", []), *self._common]
        return Contract(
            name=name,
            version=schema["x-version"],
            is_interactive=schema["x-interactive"],
            needs_subject=schema["x-subject"] == "required",
            known=frozenset(properties),
            is_open=is_open,
            free_text=free_text,
            watched=free_text
            | {field for field, item in properties.items() if not _is_plain(item)},
            forbidden=frozenset(schema.get("x-forbidden", [])),
            soft={field: properties[field]["type"] for field in soft},
            kinds={
                field: item["type"]
                for field, item in properties.items()
                if isinstance(item.get("type"), str)
            },
            has_money="value_minor" in columns,
            sources=sources,
            hot=frozenset(source for source in sources if source),
            needs_properties=bool(schema.get("required") or schema.get("anyOf")),
            schema=schema,
            validate=validate,
        )


def _read(path: Path) -> tuple[Document, Schema]:
    document = read_document(path.read_bytes(), file=f"contracts/{path.name}")
    if not isinstance(document.data, dict):
        raise RegistryError([document.problem((), "a contract is a mapping")])
    return document, document.data


def _examine(document: Document, schema: Schema, name: str) -> None:
    """Refuse a contract whose own words are missing, unknown or without effect."""
    problems = [
        document.problem((word,), "not a word of a contract", ", ".join(KEYWORDS))
        for word in schema
        if word.startswith("x-") and word not in KEYWORDS
    ]
    problems += [
        document.problem((), f"{word} is missing")
        for word, is_needed in KEYWORDS.items()
        if is_needed and word not in schema
    ]
    if schema.get("title") != name:
        problems.append(document.problem(("title",), "not the name of the file", name))
    if schema.get("x-subject", "none") not in SUBJECTS:
        allowed = ", ".join(SUBJECTS)
        problems.append(document.problem(("x-subject",), "unknown", allowed))
    properties = schema.get("properties", {})
    for column, source in schema.get("x-columns", {}).items():
        if column not in HOT_COLUMNS or source not in properties:
            reason = "not a column and a property of this contract"
            allowed = ", ".join(HOT_COLUMNS)
            problems.append(document.problem(("x-columns", column), reason, allowed))
    for word in ("x-free-text", "x-soft"):
        problems += [
            document.problem((word,), f"{item} is no property of this contract")
            for item in schema.get(word, [])
            if item not in properties
        ]
    if problems:
        raise RegistryError(problems)


def _bounded(schema: Schema) -> Schema:
    """Bound a number that its contract leaves without bounds to what columns hold."""
    if schema.get("type") not in ("integer", "number"):
        return schema
    return {"minimum": -BIGINT - 1, "maximum": BIGINT, **schema}


def _is_plain(schema: Schema) -> bool:
    kinds = schema.get("type", "object")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return not {"object", "array"} & set(kinds)


def _rejection(error: JsonSchemaValueException, properties: Schema) -> RejectedError:
    """Translate a schema error; its own message holds values and is dropped."""
    path: list[object] = ["properties", *error.path[1:]]
    place: object = properties
    for part in error.path[1:]:
        place = place.get(part) if isinstance(place, dict) else None
    rule = error.rule or ""
    definition = error.rule_definition
    reason = _REASONS.get(rule, Reason.CONTRACT_VIOLATION)
    if rule == "required" and isinstance(place, dict):
        missing = [name for name in definition if name not in place]
        return RejectedError(reason, pointer_to([*path, *missing[:1]]), "a value")
    if rule == "dependencies" and isinstance(place, dict):
        for name, others in definition.items():
            missing = [other for other in others if other not in place]
            if name in place and missing:
                pointer = pointer_to([*path, missing[0]])
                return RejectedError(reason, pointer, f"a value beside {name}")
    if rule == "anyOf":
        names = (" and ".join(item.get("required", [])) for item in definition)
        return RejectedError(reason, pointer_to(path), " or ".join(names))
    too_large = rule in ("minimum", "maximum") and abs(definition) >= BIGINT
    return RejectedError(
        Reason.NUMBER_OUT_OF_RANGE if too_large else reason,
        pointer_to(path),
        f"{rule}: {definition}",
    )
