"""The canonical envelope of an event: what stands around its properties."""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from orchestration.raw.reasons import Reason, RejectedError

# Identifiers are indexed: 512 characters stay below a btree entry's limit.
ID_LENGTH = 512
STRING_LENGTH = 65_536
BIGINT = 2**63 - 1

Id = Annotated[str, Meta(min_length=1, max_length=ID_LENGTH)]
Text = Annotated[str, Meta(min_length=1, max_length=STRING_LENGTH)]
Purpose = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,62}\Z")]
Sequence = Annotated[int, Meta(ge=-BIGINT - 1, le=BIGINT)]


class Envelope(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One event as the contract of all events describes it.

    `registry/contracts/envelope.yml` says the same as JSON Schema, for people and for
    other tools; this form checks it in a third of a microsecond. A test holds them
    together.
    """

    event_name: Id
    occurred_at: datetime | None = None
    event_id: Id | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None
    sequence: Sequence | None = None
    device_id: Id | None = None
    user_id: Id | None = None
    client_session_id: Id | None = None
    page_url: Text | None = None
    page_title: Text | None = None
    referrer: Text | None = None
    user_agent: Text | None = None
    ip: Id | None = None
    locale: Id | None = None
    app_version: Id | None = None
    platform: Id | None = None
    region: Id | None = None
    consent: list[Purpose] | None = None
    is_test: bool | None = None
    properties: Any = None


# Properties that are absent; a raw value cannot be None.
NOTHING = Raw()


class LineEnvelope(Envelope, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An event as it is decoded straight from its line, properties left as text."""

    properties: Raw = NOTHING


class ColumnEnvelope(LineEnvelope, omit_defaults=True, gc=False):
    """An event as columns hold it: its instants are microseconds since 1970."""


LINES = msgspec.json.Decoder(LineEnvelope)

FIELDS = frozenset(Envelope.__struct_fields__)
# Stored among the properties, since raw.events has no column for it.
PAGE_TITLE = "page_title"
TIME_FIELDS = ("occurred_at", "sent_at", "received_at")
ID_FIELDS = ("event_id", "device_id", "user_id", "client_session_id", "app_version")
_PLACE = re.compile(r" - at `\$\.?([a-z_]*)(.*)`$")
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")
_WHOLE_NUMBER = re.compile(r"\A-?[0-9]{1,19}\Z")
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def rejection_of(error: msgspec.ValidationError) -> RejectedError:
    """Translate what the decoder says into a reason, a pointer and what is expected.

    The decoder's messages name types and limits, never values.
    """
    message = str(error)
    place = _PLACE.search(message)
    field = place.group(1) if place else ""
    index = _INDEX.search(place.group(2)) if place else None
    pointer = f"/{field}" if field else ""
    if index and index.group(1).isdigit():
        pointer += f"/{index.group(1)}"
    if "missing required field" in message:
        name = message.split("`")[-2]
        return RejectedError(Reason.MISSING_REQUIRED, f"/{name}", f"a field {name}")
    if field in TIME_FIELDS:
        return RejectedError(Reason.INVALID_TIME, pointer, "an instant of ISO 8601")
    expected = message.split(" - at ", maxsplit=1)[0].split(", got ", maxsplit=1)[0]
    expected = expected.removeprefix("Expected ").replace("`", "")
    reason = Reason.WRONG_TYPE
    if "regex" in expected:
        reason, expected = Reason.NOT_ALLOWED_VALUE, "a purpose, such as analytics"
    elif "length <=" in expected:
        reason = Reason.STRING_TOO_LONG
    elif "length >=" in expected:
        reason = Reason.OUT_OF_BOUNDS
    elif ">=" in expected or "<=" in expected:
        reason = Reason.NUMBER_OUT_OF_RANGE
    return RejectedError(reason, pointer, expected)


def tidy(value: dict[str, object]) -> tuple[dict[str, object], bool]:
    """Return the envelope with what a sender plainly meant, and whether it erred.

    Empty strings and nulls are absent. A whole number as an identifier is its
    digits; a flag or a sequence may come as text. Fields that the envelope does not
    know are kept among the properties.
    """
    known: dict[str, object] = {}
    extra: dict[str, object] = {}
    for name, item in value.items():
        if name not in FIELDS:
            extra[name] = item
        elif item is not None and item != "":
            known[name] = item
    has_violation = bool(extra)
    for name in ID_FIELDS:
        item = known.get(name)
        if type(item) is int:
            known[name] = str(item)
            has_violation = True
    _read_words(known)
    properties = known.get("properties")
    if extra and isinstance(properties, dict | None):
        known["properties"] = {**extra, **(properties or {})}
    return known, has_violation


def _read_words(known: dict[str, object]) -> None:
    """Read what a CSV or Parquet column can only hold as text."""
    is_test = known.get("is_test")
    if isinstance(is_test, str) and is_test.lower() in _TRUTH:
        known["is_test"] = _TRUTH[is_test.lower()]
    sequence = known.get("sequence")
    if isinstance(sequence, str) and _WHOLE_NUMBER.match(sequence):
        known["sequence"] = int(sequence)
    properties = known.get("properties")
    if isinstance(properties, str):
        known["properties"] = _parsed(properties)


def _parsed(text: str) -> object:
    """Return the properties that a CSV or Parquet column holds as JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise RejectedError(
            Reason.INVALID_JSON, "/properties", "a JSON object"
        ) from None
