"""The suppression list: keyed hashes of erased persons, which loads and extracts ask.

The key never rotates: a hash that no longer matched would let a person come back. It is
apart from the pseudonym key, and a backup of the warehouse does not hold it.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import psycopg

from orchestration.settings import Settings, read_or_create_secret
from orchestration.warehouse.connection import connect

_REMEMBERED = 65_536


def suppression_key(settings: Settings) -> bytes:
    """Return the key of the suppression list, made on first use."""
    return read_or_create_secret(settings.home / "suppression.key").encode()


def identifier_hash(kind: str, value: str, *, key: bytes) -> bytes:
    """Return what stands for an identifier in the suppression list."""
    text = f"{kind}\x1f{value}".encode(errors="surrogatepass")
    return hmac.digest(key, text, hashlib.sha256)


class Suppressions:
    """Who must not come back, as it was when a load began."""

    def __init__(
        self, replacements: Mapping[tuple[str, bytes], str | None], *, key: bytes
    ) -> None:
        @lru_cache(maxsize=_REMEMBERED)
        def found(kind: str, value: str) -> tuple[bool, str | None]:
            entry = (kind, identifier_hash(kind, value, key=key))
            return entry in replacements, replacements.get(entry)

        self._found = found
        self.replacement_ids = sorted(filter(None, replacements.values()))

    def holds(self, user_id: str | None, device_id: str | None) -> bool:
        """Tell whether an event belongs to an erased person.

        A device counts only where the event is anonymous: somebody who comes back and
        logs in is somebody who wants to be known again.
        """
        if user_id is not None:
            return self._found("user", user_id)[0]
        return device_id is not None and self._found("device", device_id)[0]

    def renamed(self, user_id: str) -> str:
        """Return the id under which a row of money is kept; most keep theirs."""
        return self._found("user", user_id)[1] or user_id


def read_suppressions(
    connection: psycopg.Connection, *, key: bytes
) -> Suppressions | None:
    """Read the list; None if nobody was ever erased, so that loads ask nothing."""
    rows = connection.execute(
        "select kind, identifier_hash, replacement_id from privacy.suppressions"
    ).fetchall()
    if not rows:
        return None
    return Suppressions(
        {(kind, bytes(digest)): replacement for kind, digest, replacement in rows},
        key=key,
    )


@contextmanager
def suppressions_held(url: str, settings: Settings) -> Iterator[Suppressions | None]:
    """Read the list and keep it as it is: an erasure waits for the block to end.

    Otherwise a load that read the list before the erasure would bring back, after it,
    what it had read.
    """
    with connect(
        url, application_name="daybook suppressions", autocommit=True
    ) as connection:
        connection.execute("select pg_advisory_lock_shared(hashtext('daybook.erased'))")
        yield read_suppressions(connection, key=suppression_key(settings))


def wait_for_readers(connection: psycopg.Connection) -> None:
    """Wait, inside the caller's transaction, until nobody uses an older list."""
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.erased'))")
