"""What an event says, as a hash: the same whichever way and whenever it was sent.

When it was sent, when it was received and from which address is about the delivery: a
client that tries again says the same event. Adding a field to the envelope changes no
hash, since absent fields are left out.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import repeat
from typing import Any

import msgspec
from msgspec import Raw

from orchestration.raw.clocks import to_micros
from orchestration.raw.draft_columns import Said
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import NOTHING, STRING_LENGTH, Envelope, LineEnvelope

EMPTY = b"{}"
_encoder = msgspec.json.Encoder(order="sorted")
_FIELDS = LineEnvelope.__struct_fields__
_NUL = b"\\u0000"


class UnstorableError(ValueError):
    """The record holds what no table can hold; screening says what, and where."""


def payload_of(draft: Draft) -> bytes:
    """Return the hash of what was sent, and leave the envelope without the rest."""
    occurred: Any = draft.envelope.occurred_at
    _strip(draft, None if occurred is None else to_micros(occurred))
    content = _encoder.encode(draft.envelope)
    if not draft.is_screened and (len(content) > STRING_LENGTH or _NUL in content):
        raise UnstorableError
    return sha256(content).digest()


def payloads_of(
    said: Said, texts: Sequence[bytes], occurred: Sequence[int | None]
) -> list[bytes | None]:
    """Return the hash of what each of many envelopes says.

    None where no table can hold what was sent.

    Parameters
    ----------
    texts : sequence of bytes
        Their properties, as canonical JSON.
    occurred : sequence of int or None
        When they occurred, in microseconds since 1970.
    """
    # The address is left out, unless no table can hold it.
    kept = [None if ip is None or _is_storable(ip) else ip for ip in said.ip]
    columns: dict[str, Iterable[object]] = {
        **said._asdict(),
        "occurred_at": occurred,
        **dict.fromkeys(("sent_at", "received_at"), repeat(None)),
        "ip": kept,
        "properties": [
            NOTHING if text is EMPTY or text == EMPTY else Raw(text) for text in texts
        ],
    }
    envelopes = list(map(LineEnvelope, *map(columns.__getitem__, _FIELDS)))
    try:
        together = _encoder.encode_lines(envelopes)
    except ValueError:
        return [_payload(envelope) for envelope in envelopes]
    # JSON has no bare newlines, and properties are canonical.
    contents = together.split(b"\n")[:-1]
    if _NUL in together or max(map(len, contents)) > STRING_LENGTH:
        return [_payload(envelope) for envelope in envelopes]
    return [sha256(content).digest() for content in contents]


def _payload(envelope: Envelope) -> bytes | None:
    try:
        content = _encoder.encode(envelope)
    except ValueError:
        return None
    if len(content) > STRING_LENGTH or _NUL in content:
        return None
    return sha256(content).digest()


def _strip(draft: Draft, occurred: int | None) -> None:
    """Leave an envelope with what it says, and the instant however it was written."""
    envelope: Any = draft.envelope
    envelope.occurred_at = occurred
    envelope.sent_at = envelope.received_at = None
    # One that no table can hold stays, and is found with all else that is sent.
    if envelope.ip is not None and _is_storable(envelope.ip):
        envelope.ip = None
    text = draft.sent_text
    if text is not EMPTY and text != EMPTY:
        envelope.properties = Raw(text)
    else:
        # Left out, as each kind of envelope leaves it out.
        absent: Any = NOTHING if isinstance(envelope, LineEnvelope) else None
        envelope.properties = absent


def _is_storable(text: str) -> bool:
    """Tell whether a table can hold a text: whole characters, none of them U+0000."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
