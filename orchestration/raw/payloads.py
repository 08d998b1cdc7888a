"""What an event says, as a hash: the same whichever way and whenever it was sent.

When it was sent, when it was received and from which address is about the delivery: a
client that tries again says the same event. Adding a field to the envelope changes no
hash, since absent fields are left out.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw

from orchestration.raw.clocks import to_micros
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import NOTHING, STRING_LENGTH, Envelope, LineEnvelope

EMPTY = b"{}"
_encoder = msgspec.json.Encoder(order="sorted")
_NUL = b"\\u0000"


class UnstorableError(ValueError):
    """The record holds what no table can hold; screening says what, and where."""


def payload_of(draft: Draft) -> bytes:
    """Return the hash of what was sent, and leave the envelope without the rest."""
    content = _encoder.encode(_stripped(draft))
    if not draft.is_screened and (len(content) > STRING_LENGTH or _NUL in content):
        raise UnstorableError
    return sha256(content).digest()


def payloads_of(drafts: Sequence[Draft]) -> list[bytes | None]:
    """Return the hash of each draft; None where no table can hold it."""
    envelopes = [_stripped(draft) for draft in drafts]
    try:
        together = _encoder.encode_lines(envelopes)
    except ValueError:
        return [_payload(draft) for draft in drafts]
    # JSON has no bare newlines, and properties are canonical.
    contents = together.split(b"\n")[:-1]
    if _NUL in together or max(map(len, contents)) > STRING_LENGTH:
        return [_payload(draft) for draft in drafts]
    return [sha256(content).digest() for content in contents]


def _payload(draft: Draft) -> bytes | None:
    try:
        return payload_of(draft)
    except ValueError:
        return None


def _stripped(draft: Draft) -> Envelope:
    envelope: Any = draft.envelope
    envelope.sent_at = envelope.received_at = envelope.ip = None
    # The payload is about the instant, however it was written.
    if isinstance(envelope.occurred_at, datetime):
        envelope.occurred_at = to_micros(envelope.occurred_at)
    if draft.sent_text == EMPTY:
        # Left out, as each kind of envelope leaves it out.
        absent: Any = NOTHING if isinstance(envelope, LineEnvelope) else None
        envelope.properties = absent
    else:
        envelope.properties = Raw(draft.sent_text)
    return envelope
