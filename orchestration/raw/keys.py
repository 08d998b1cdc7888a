"""Who a row is: the same source and event id give the same key, for ever."""

import hashlib
import struct

_HALVES = struct.Struct(">qq")


def identify(source: str, event_id: str) -> tuple[int, int]:
    """Return the key of an event and 64 further bits that confirm it.

    The key is the first eight bytes of a SHA-256 over source and id. Among ten
    million events two share a key with a chance of 3 in a million; the second number
    then tells them apart, also when the stored row was purged long ago.
    """
    digest = hashlib.sha256(
        f"{source}\x1f{event_id}".encode("utf-8", "surrogatepass")
    ).digest()
    return halves(digest)


def halves(digest: bytes) -> tuple[int, int]:
    """Return the first two times 64 bits of a hash."""
    return _HALVES.unpack_from(digest)


def event_key(source: str, event_id: str) -> int:
    """Return the key of an event: `raw.events.event_key`."""
    return identify(source, event_id)[0]
