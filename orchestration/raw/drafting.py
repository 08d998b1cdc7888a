"""The short way to a draft: what is plainly right, told by types and contracts.

Whatever is unusual about a record makes it give up, and `mending` says what it is.
"""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Raw

from orchestration.raw.contracts import Contract, Contracts, JsonSchemaError
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import NOTHING, PAGE_TITLE, Envelope, LineEnvelope
from orchestration.raw.formats.refusals import DEPTH_LIMIT
from orchestration.raw.payloads import EMPTY
from orchestration.raw.preparing import Preparation, Value
from orchestration.raw.property_types import PropertyType, property_type
from orchestration.raw.reasons import RejectedError
from orchestration.raw.rows import hot_columns
from orchestration.raw.screening import screened
from orchestration.raw.sensitive import is_suspect, is_suspect_json

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode
_convert = msgspec.convert
# Where a property stands in its record, of which only the depth matters here.
_INSIDE = ("properties", "")
_EMPTY = Raw(EMPTY)
_ABSENT = (b"", EMPTY, b"null")
# Made once for the many files of a load, which share their contracts.
_TYPES: WeakKeyDictionary[Contracts, dict[str, PropertyType | None]] = (
    WeakKeyDictionary()
)


class UnusualError(Exception):
    """Something that only the long way can judge."""


# What the short way may meet in any input; the long way finds out and says why.
UNUSUAL = (
    UnusualError,
    RejectedError,
    JsonSchemaError,
    msgspec.MsgspecError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
)


class Drafter:
    """Drafts of the records that need no mending."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation
        self._types = _TYPES.setdefault(preparation.contracts, {})

    def draft(self, value: Any) -> Draft | None:
        """Return the draft of a record; None if it may not be used for anything.

        Raises
        ------
        Exception
            One of UNUSUAL, where the long way has to judge.
        """
        if not isinstance(value, LineEnvelope):
            return self._converted(value)
        purposes = self._preparation.purposes_of(value.consent)
        if not purposes:
            _read_whole(value)
            return None
        contract, value.event_name = self._preparation.contract_of(value.event_name)
        if (
            value.page_title is None
            and not contract.needs_properties
            and (value.properties is NOTHING or value.properties == _EMPTY)
        ):
            return Draft(value, contract, None, EMPTY, EMPTY, purposes)
        return self._typed(value, contract, purposes)

    def _converted(self, value: Any) -> Draft | None:
        """Return the draft of a record that is a dictionary."""
        preparation = self._preparation
        if preparation.prepare is not None:
            value = preparation.prepare(value)
        envelope = _convert(value, Envelope)
        purposes = preparation.purposes_of(envelope.consent)
        if not purposes:
            return None
        contract, envelope.event_name = preparation.contract_of(envelope.event_name)
        return self._checked(envelope, contract, purposes, envelope.properties)

    def _typed(
        self, envelope: LineEnvelope, contract: Contract, purposes: tuple[str, ...]
    ) -> Draft:
        """Read the properties of a line by the type of their contract."""
        sent = bytes(envelope.properties)
        if sent.startswith(b'"'):
            # Flat formats carry properties as text.
            sent = _decode(sent).encode()
        title = envelope.page_title
        if sent in _ABSENT and title is None and not contract.needs_properties:
            return Draft(envelope, contract, None, EMPTY, EMPTY, purposes)
        kind = self._type_of(contract)
        if kind is not None and (title is None or kind.takes_any_title):
            try:
                properties: Any = kind.decode(sent or EMPTY)
            except msgspec.ValidationError:
                pass
            else:
                if title is not None:
                    properties.page_title, envelope.page_title = title, None
                text = _encode(properties)
                _look_closer(kind.watched(properties), text, is_open=False)
                hot = kind.hot(properties)
                return Draft(envelope, contract, None, text, text, purposes, hot)
        decoded = _decode(sent) if sent else None
        return self._checked(envelope, contract, purposes, decoded)

    def _type_of(self, contract: Contract) -> PropertyType | None:
        if contract.name not in self._types:
            self._types[contract.name] = property_type(contract)
        return self._types[contract.name]

    def _checked(
        self,
        envelope: Envelope,
        contract: Contract,
        purposes: tuple[str, ...],
        properties: Value | None,
    ) -> Draft:
        """Check properties by the contract itself."""
        if properties is None:
            properties = {}
        elif type(properties) is not dict:
            raise UnusualError
        if envelope.page_title is not None:
            properties = {**properties, PAGE_TITLE: envelope.page_title}
            envelope.page_title = None
        if not properties and not contract.needs_properties:
            return Draft(envelope, contract, None, EMPTY, EMPTY, purposes)
        if contract.has_money and "value" in properties:
            properties = self._preparation.with_currency(properties)
        has_unknown = not (contract.is_open or contract.known >= properties.keys())
        text = _canonical(contract, properties, is_open=contract.is_open or has_unknown)
        draft = Draft(envelope, contract, None, text, text, purposes)
        draft.has_violation = has_unknown
        if not contract.hot.isdisjoint(properties):
            draft.hot, is_rounded = hot_columns(contract.sources, properties)
            draft.has_violation |= is_rounded
        return draft


def _read_whole(envelope: LineEnvelope) -> None:
    """Give up if the rest of a line, which nobody needs, is no proper JSON."""
    sent = bytes(envelope.properties)
    if sent.count(b"{") + sent.count(b"[") >= DEPTH_LIMIT:
        raise UnusualError
    if sent:
        _decode(sent)


def _canonical(contract: Contract, properties: Value, *, is_open: bool) -> bytes:
    """Return the canonical JSON of properties that meet their contract.

    Parameters
    ----------
    is_open : bool
        Whether there may be properties that the contract does not name.
    """
    if is_open and not contract.forbidden.isdisjoint(properties):
        raise UnusualError
    contract.validate(properties)
    if is_open:
        watched = list(properties.values())
    elif contract.watched.isdisjoint(properties):
        watched = []
    else:
        watched = [properties[name] for name in contract.watched & properties.keys()]
    text = _encode(properties)
    _look_closer(watched, text, is_open=is_open)
    return text


def _look_closer(watched: Sequence[object], text: bytes, *, is_open: bool) -> None:
    """Give up if what nobody declared holds anything personal or unstorable."""
    # What is no number is encoded as null, and a null meets no contract.
    if b"null" in text:
        raise UnusualError
    if not watched:
        return
    texts = [item for item in watched if type(item) is str]
    if not is_open and is_suspect("\n".join(texts)):
        raise UnusualError
    if is_open or len(texts) < len(watched):
        for item in watched:
            screened(item, _INSIDE)
        if is_suspect_json(text):
            raise UnusualError
