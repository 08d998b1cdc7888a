"""JSON documents that hold many events: an array, or `{"events": [...]}`."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace as replaced

from orchestration.raw.formats.json_values import (
    DECODE_ERRORS,
    decode,
    encode,
    members,
    parts,
    record_of,
)
from orchestration.raw.formats.refusals import Refused
from orchestration.raw.records import Record

# What a batch may say once for all of its events. Ids, counts and whatever else a
# sender puts on the envelope stay there: an id of the batch would make its events
# duplicates of one another, and a count would make a retry look like other content.
SHARED_FIELDS = frozenset(
    {
        *("sent_at", "sentAt", "received_at", "receivedAt"),
        *("device_id", "deviceId", "anonymous_id", "anonymousId", "user_id", "userId"),
        *("client_session_id", "session_id", "sessionId"),
        *("user_agent", "userAgent", "ip", "locale", "platform", "region"),
        *("app_version", "appVersion", "consent", "is_test", "isTest", "context"),
    }
)

_raw_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def array_records(text: bytes, *, line: int, offset: int) -> Iterator[Record]:
    """Read the elements of an array; `line` and `offset` say where `text` stands.

    One bad element is a record with a problem; only an array that never closes, or
    is followed by more than spaces, is refused.
    """
    end = 0
    for start, piece in _elements(text):
        line += text.count(b"\n", end, start)
        end = start
        yield record_of(piece, line=line, offset=offset + start)


def batch_records(
    text: bytes, *, line: int, offset: int, batch_key: str
) -> Iterator[Record]:
    """Read the events of a batch; what it says for all, each event says itself."""
    values = _values(text)
    shared = _shared_fields(values)
    start = text.find(values[batch_key])
    line += text.count(b"\n", 0, start)
    for record in array_records(values[batch_key], line=line, offset=offset + start):
        yield _completed(record, shared) if shared else record


def is_batch(text: bytes, *, batch_key: str) -> bool:
    """Whether a JSON text is an object with an array of events."""
    return _values(text).get(batch_key, b"").startswith(b"[")


def _values(text: bytes) -> dict[str, bytes]:
    """Give the JSON text of each value of an object, the last one of a key."""
    try:
        return {key: bytes(raw) for key, raw in _raw_object(text).items()}
    except DECODE_ERRORS:
        return {key: text[begin:end].strip() for key, begin, end in members(text)}


def _elements(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Give place and JSON text of each element of an array."""
    try:
        raws = _raw_array(text)
    except DECODE_ERRORS:
        spans = parts(text)
        if spans is None:
            raise Refused("invalid_document") from None
        for begin, end in spans:
            piece = text[begin:end]
            yield begin + len(piece) - len(piece.lstrip()), piece.strip()
        return
    start = 0
    for raw in raws:
        piece = bytes(raw)
        # Between two elements stand only spaces and a comma: the first hit is it.
        start = text.find(piece, start)
        yield start, piece
        start += len(piece)


def _shared_fields(values: dict[str, bytes]) -> dict[str, object]:
    try:
        return {key: decode(values[key]) for key in SHARED_FIELDS & values.keys()}
    except DECODE_ERRORS:
        raise Refused("invalid_document") from None


def _completed(record: Record, shared: dict[str, object]) -> Record:
    """Say in an event what its batch says, so that it can be replayed alone."""
    if not isinstance(record.value, dict):
        return record
    value = shared | record.value
    ours, theirs = record.value.get("context"), shared.get("context")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        value["context"] = theirs | ours
    if value == record.value:
        return record
    return replaced(record, raw=encode(value), value=value)
