"""From a source's own words to the canonical envelope, as its file declares."""

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache

from orchestration.raw.envelope import ID_FIELDS
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.sources import (
    Alternative,
    Constant,
    Expression,
    Pseudonym,
    Translated,
    When,
)

Value = dict[str, object]
Getter = Callable[[Value], object]
_KEY_VERSION = "p1_"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """Return a name such as `ticketCount` or `Ticket Count` as `ticket_count`."""
    return _NO_WORD.sub("_", _HUMP.sub("_", name).lower()).strip("_")


class Mapper:
    """Turns records of one source into envelopes, by the first alternative that fits.

    Parameters
    ----------
    alternatives : list of Alternative
        What the source file declares.
    pseudonym_key : bytes
        Key of the pseudonyms that replace fields too personal to keep.
    """

    def __init__(
        self, alternatives: list[Alternative], *, pseudonym_key: bytes
    ) -> None:
        self._shapes = [_Shape(item, pseudonym_key) for item in alternatives]

    def apply(self, value: Value) -> Value:
        """Return the envelope that `value` means.

        Raises
        ------
        RejectedError
            With the reason `unmapped`, if no alternative is for it.
        """
        for shape in self._shapes:
            if shape.fits(value):
                return shape.apply(value)
        raise RejectedError(Reason.UNMAPPED, "", "a shape that the source declares")


class _Shape:
    """One compiled alternative."""

    def __init__(self, alternative: Alternative, key: bytes) -> None:
        self.fits = _condition(alternative.when)
        self._fields = [
            (name, _getter(expression, key))
            for name, expression in alternative.fields.items()
        ]
        self._properties = [
            (name, _getter(expression, key))
            for name, expression in alternative.properties.items()
        ]
        self._from = [tuple(path.split(".")) for path in alternative.properties_from]
        self._rename = (
            snake_case if alternative.property_names == "snake_case" else _same
        )
        self._keeps_rest = alternative.rest == "keep"
        used = set(alternative.drop)
        for expression in (
            *alternative.fields.values(),
            *alternative.properties.values(),
        ):
            used.update(_paths(expression))
        self._used = {tuple(path.split(".")) for path in used}
        self._top = {path[0] for path in self._used if len(path) == 1}
        self._top |= {path[0] for path in self._from}

    def apply(self, value: Value) -> Value:
        envelope: Value = {}
        for name, get in self._fields:
            item = get(value)
            if item is None or item == "":
                continue
            # Many trackers number their sessions and users; their digits are ids.
            is_numbered = type(item) is int and name in ID_FIELDS
            envelope[name] = str(item) if is_numbered else item
        properties = self._spread(value)
        for name, get in self._properties:
            item = get(value)
            if item is not None:
                properties[name] = item
        envelope["properties"] = properties
        return envelope

    def _spread(self, value: Value) -> Value:
        """Return what the source sent as properties, and whatever else it sent."""
        properties: Value = {}
        if self._keeps_rest:
            self._keep(properties, value, ())
        for path in self._from:
            inner = _at(value, path)
            if isinstance(inner, dict):
                self._keep(properties, inner, path)
            elif inner is not None and inner != "":
                properties[self._rename(path[-1])] = inner
        return properties

    def _keep(self, properties: Value, value: Value, path: tuple[str, ...]) -> None:
        """Add what nothing else has used; nulls say nothing and are left out."""
        used, rename = self._used, self._rename
        for name, item in value.items():
            if item is None or (*path, name) in used:
                continue
            if not path and name in self._top:
                continue
            properties[rename(str(name))] = (
                self._without_used(item, (*path, name))
                if isinstance(item, dict)
                else item
            )

    def _without_used(self, value: Value, path: tuple[str, ...]) -> Value:
        """Leave out what became a field, such as an address deep in a context."""
        if not any(used[: len(path)] == path for used in self._used):
            return value
        return {
            name: self._without_used(item, (*path, name))
            if isinstance(item, dict)
            else item
            for name, item in value.items()
            if (*path, name) not in self._used
        }


def _same(name: str) -> str:
    return name


def _paths(expression: Expression) -> list[str]:
    match expression:
        case str():
            return [expression]
        case list():
            return expression
        case Translated(field=str() as field):
            return [field]
        case Translated(field=list() as fields):
            return fields
        case _:
            return []


def _getter(expression: Expression, key: bytes) -> Getter:
    match expression:
        case Constant(value=constant):
            return lambda _: constant
        case Translated():
            return _translation(expression)
        case Pseudonym(pseudonym=paths):
            return _pseudonym([tuple(path.split(".")) for path in paths], key)
        case str():
            return _first([tuple(expression.split("."))])
        case _:
            return _first([tuple(path.split(".")) for path in expression])


def _first(paths: list[tuple[str, ...]]) -> Getter:
    if len(paths) == 1 and len(paths[0]) == 1:
        name = paths[0][0]
        return lambda value: value.get(name)

    def first(value: Value) -> object:
        for path in paths:
            item = _at(value, path)
            if item is not None and item != "":
                return item
        return None

    return first


def _translation(expression: Translated) -> Getter:
    get = _getter(expression.field, b"")
    words, keeps = expression.words, expression.otherwise == "keep"

    def translated(value: Value) -> object:
        item = get(value)
        found = words.get(item) if isinstance(item, str) else None
        return found if found is not None else (item if keeps else None)

    return translated


def _pseudonym(paths: list[tuple[str, ...]], key: bytes) -> Getter:
    # A log repeats a few thousand visitors: each is hashed once.
    @lru_cache(maxsize=65_536)
    def hashed(text: str) -> str:
        encoded = text.encode("utf-8", "surrogatepass")
        return _KEY_VERSION + hmac.digest(key, encoded, hashlib.sha256).hex()[:32]

    def pseudonym(value: Value) -> object:
        items = [_at(value, path) for path in paths]
        if items[0] is None or items[0] == "":
            return None
        return hashed("\x1f".join("" if item is None else str(item) for item in items))

    return pseudonym


def _condition(when: When) -> Callable[[Value], bool]:
    has = [tuple(path.split(".")) for path in when.has]
    lacks = [tuple(path.split(".")) for path in when.lacks]
    equals = [
        (tuple(path.split(".")), {words} if isinstance(words, str) else set(words))
        for path, words in when.equals.items()
    ]

    def holds(value: Value) -> bool:
        return (
            all(_at(value, path) is not None for path in has)
            and all(_at(value, path) is None for path in lacks)
            and all(
                isinstance(item := _at(value, path), str) and item in words
                for path, words in equals
            )
        )

    return holds


def _at(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
