"""Receipts: the proof of an erasure, chained so that none can be changed or lost."""

import hashlib
import json
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

_FIRST = b"\0" * 32


def issue_receipt(
    connection: psycopg.Connection, *, erasure_id: int, body: dict[str, Any]
) -> bytes:
    """Write a receipt inside the caller's transaction and return its hash."""
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.receipts'))")
    last = connection.execute(
        "select hash from privacy.receipts order by receipt_id desc limit 1"
    ).fetchone()
    previous = bytes(last[0]) if last else _FIRST
    digest = _hash(erasure_id, body, previous)
    connection.execute(
        """
        insert into privacy.receipts (erasure_id, body, previous_hash, hash)
        values (%s, %s, %s, %s)
        """,
        (erasure_id, Jsonb(body), previous, digest),
    )
    return digest


def broken_receipts(connection: psycopg.Connection) -> list[int]:
    """Return the receipts that were changed, or whose predecessor is gone."""
    broken = []
    expected = _FIRST
    for receipt_id, erasure_id, body, previous, digest in connection.execute(
        """
        select receipt_id, erasure_id, body, previous_hash, hash
        from privacy.receipts
        order by receipt_id
        """
    ):
        if bytes(previous) != expected or bytes(digest) != _hash(
            erasure_id, body, bytes(previous)
        ):
            broken.append(receipt_id)
        expected = bytes(digest)
    return broken


def _hash(erasure_id: int, body: dict[str, Any], previous: bytes) -> bytes:
    text = json.dumps([erasure_id, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()
