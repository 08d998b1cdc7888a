"""Rows of plain drafts, column by column: what many rows share is packed once.

Row by row the interpreter took 4.5 µs to pack them, of which few are left. What is not
plain is left to `rows`; where both make a row, it is the same.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from hashlib import sha256
from itertools import repeat
from operator import floordiv, sub
from typing import Any, NamedTuple

import numpy as np

from orchestration.raw import packing
from orchestration.raw.addresses import truncate_address
from orchestration.raw.agents import RULE_VERSION, read_agent
from orchestration.raw.clocks import (
    EPOCH,
    LATENESS,
    MICROSECOND,
    NEVER,
    Instants,
    to_micros,
)
from orchestration.raw.contracts import EMPTY_COLUMNS, HOT_COLUMNS
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import Envelope
from orchestration.raw.fixed_columns import KEYS_SIZE, pack_fixed, pack_keys
from orchestration.raw.packing import (
    COUNT,
    NULL,
    NotStorableError,
    pack_columns,
    pack_int8,
    pack_json,
    pack_text,
)
from orchestration.raw.pages import read_page
from orchestration.raw.payloads import EMPTY, payloads_of
from orchestration.raw.records import Row
from orchestration.raw.remembered import Remembered
from orchestration.raw.rows import RowMaker

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TOO_LATE = LATENESS.index("too_late")
_NO_HOT = pack_columns(HOT_COLUMNS, EMPTY_COLUMNS)
_NO_PROPERTIES = pack_json(EMPTY)


class _Clocks(NamedTuple):
    """The clocks of all rows; where one is not settled, its columns mean nothing.

    Attributes
    ----------
    occurred : array of int64
        As it was said; `instants` are corrected.
    """

    occurred: Instants
    instants: Instants
    days: np.ndarray
    received: Instants
    sent: Instants
    is_future: list[bool]
    lateness: np.ndarray
    is_settled: np.ndarray


class PlainRows:
    """Makes the rows of one file that need no second look."""

    def __init__(self, maker: RowMaker) -> None:
        self._maker = maker
        self._source = maker.source.name
        self._prefix = f"{self._source}\x1f".encode()
        self._dates = Remembered(_date, kept=10_000)
        self._natures = Remembered(self._nature, kept=4_096)

    def make(self, drafts: Sequence[Draft]) -> list[Row | None]:
        """Return the row of every draft; None where `RowMaker` has to judge."""
        if not drafts:
            return []
        envelopes = [draft.envelope for draft in drafts]
        clocks = self._clocks(envelopes)
        try:
            ids = [each.event_id for each in envelopes]
            encoded = [b"" if each is None else each.encode() for each in ids]
            has_violation, columns = self._columns(drafts, envelopes, clocks)
        except (ValueError, NotStorableError):
            # Half a character, say, in one of them: halving finds it.
            if len(drafts) == 1:
                return [None]
            middle = len(drafts) // 2
            return self.make(drafts[:middle]) + self.make(drafts[middle:])
        # Last, since a payload leaves an envelope without what delivery added to it.
        payloads = payloads_of(drafts, _or_none(clocks.occurred))
        is_plain = clocks.is_settled & [
            payload is not None and _has_subject(draft)
            for draft, payload in zip(drafts, payloads, strict=True)
        ]
        rows = self._rows(
            (ids, encoded, [payload or bytes(32) for payload in payloads]),
            clocks,
            columns,
            [
                [each.event_name for each in envelopes],
                [each.device_id for each in envelopes],
                has_violation,
                [draft.contract.version for draft in drafts],
            ],
        )
        if is_plain.all():
            return list(rows)
        return [
            row if plain else None
            for row, plain in zip(rows, is_plain.tolist(), strict=True)
        ]

    def _clocks(self, envelopes: Sequence[Envelope]) -> _Clocks:
        occurred = _micros([each.occurred_at for each in envelopes])
        received = _micros([each.received_at for each in envelopes])
        sent = _micros([each.sent_at for each in envelopes])
        assumed = occurred
        if self._maker.default_time is not None:
            default = to_micros(self._maker.default_time)
            assumed = np.where(occurred == NEVER, default, occurred)
        settled = self._maker.clocks.settle_all(assumed, sent, received)
        is_settled = settled.is_settled & (assumed != NEVER)
        return _Clocks(
            occurred,
            np.where(is_settled, settled.instants, 0),
            np.where(is_settled, settled.days, 0),
            received,
            sent,
            settled.is_future.tolist(),
            settled.lateness,
            is_settled,
        )

    def _columns(
        self, drafts: Sequence[Draft], envelopes: Sequence[Envelope], clocks: _Clocks
    ) -> tuple[list[bool], list[Iterable[bytes]]]:
        """Return which rows have a violation, and their packed columns after TIMES."""
        pages = _PAGES.of([(each.page_url, each.referrer) for each in envelopes])
        has_violation = [
            draft.has_violation or is_masked
            for draft, (_, is_masked) in zip(drafts, pages, strict=True)
        ]
        natures = zip(
            [each.event_name for each in envelopes],
            [draft.contract.is_interactive for draft in drafts],
            [draft.contract.version for draft in drafts],
            map(self._maker.is_internal, envelopes),
            [each.is_test is True for each in envelopes],
            *(has_violation, clocks.is_future, clocks.lateness.tolist()),
            [draft.purposes for draft in drafts],
            strict=True,
        )
        return has_violation, [
            _SEQUENCES.of([each.sequence for each in envelopes]),
            _WHO.of([each.device_id for each in envelopes]),
            _WHO.of([each.user_id for each in envelopes]),
            _WHO.of([each.client_session_id for each in envelopes]),
            [page for page, _ in pages],
            [_hot(draft.hot) for draft in drafts],
            _CONTEXTS.of(
                [
                    (
                        *(each.user_agent, each.ip, each.platform),
                        *(each.region, each.locale, each.app_version),
                    )
                    for each in envelopes
                ]
            ),
            self._natures.of(natures),
            [_properties(draft.text) for draft in drafts],
        ]

    def _nature(self, said: tuple) -> bytes:
        name, is_interactive, version, is_internal, is_test, *others, purposes = said
        has_violation, is_future, lateness = others
        return pack_columns(
            packing.NATURE,
            (
                *(self._source, name, is_interactive, version, RULE_VERSION),
                *(is_internal, is_test, has_violation, is_future),
                *(LATENESS[lateness], purposes),
            ),
        )

    def _rows(
        self,
        identities: tuple[list, Sequence[bytes], Sequence[bytes]],
        clocks: _Clocks,
        columns: Sequence[Iterable[bytes]],
        said: Sequence[list],
    ) -> Iterable[Row]:
        """Return the rows of what was packed and what `Row` tells besides.

        A row without an id has no beginning and no key yet, and its payload's hash for
        an id.
        """
        ids, encoded, payloads = identities
        prefix = self._prefix
        keys, id_hashes = _halves([sha256(prefix + each).digest() for each in encoded])
        fixed = {
            "event_key": keys,
            "key": keys,
            "id_hash": id_hashes,
            "payload_hash": _halves(payloads)[0],
            "occurred_on": clocks.days,
            "occurred_at": clocks.instants,
            "received_at": clocks.received,
            "sent_at": clocks.sent,
        }
        begins = pack_fixed(fixed)
        heads = [_HEADS[len(each)] + each for each in encoded]
        packed_keys = pack_keys(fixed)
        found, hashes = keys.tolist(), id_hashes.tolist()
        for place in [place for place, each in enumerate(ids) if each is None]:
            found[place], hashes[place], ids[place] = None, 0, payloads[place].hex()
            heads[place] = packed_keys[place] = b""
            begins[place] = begins[place][KEYS_SIZE:]
        names, devices, has_violation, versions = said
        return map(
            Row,
            *(found, hashes, ids, names),
            self._dates.of(clocks.days.tolist()),
            clocks.instants.tolist(),
            _or_none(clocks.received),
            _or_none(clocks.sent),
            fixed["payload_hash"].tolist(),
            *(devices, has_violation, versions),
            (clocks.lateness == _TOO_LATE).tolist(),
            map(b"".join, zip(heads, begins, *columns, strict=True)),
            packed_keys,
        )


def _micros(times: list[Any]) -> Instants:
    """Return instants in microseconds since 1970, NEVER where there is none."""
    try:
        if isinstance(times[0], int):
            return np.array(times, dtype=np.int64)
        since = map(floordiv, map(sub, times, repeat(EPOCH)), repeat(MICROSECOND))
        return np.fromiter(since, dtype=np.int64, count=len(times))
    except TypeError:
        # Nulls, or more than one kind of envelope.
        return np.array(list(map(_micro, times)), dtype=np.int64)


def _micro(time: datetime | int | None) -> int:
    if time is None:
        return NEVER
    return time if isinstance(time, int) else to_micros(time)


def _or_none(instants: Instants) -> list[int | None]:
    found = instants.tolist()
    if NEVER not in found:
        return found
    return [None if instant == NEVER else instant for instant in found]


def _halves(digests: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two times 64 bits of hashes; `keys.halves` does so for one."""
    quarters = np.frombuffer(b"".join(digests), dtype=">i8").reshape(-1, 4)
    return quarters[:, 0].astype(np.int64), quarters[:, 1].astype(np.int64)


def _has_subject(draft: Draft) -> bool:
    envelope = draft.envelope
    return (
        envelope.device_id is not None
        or envelope.user_id is not None
        or not draft.contract.needs_subject
    )


def _hot(values: tuple | None) -> bytes:
    return _NO_HOT if values is None else pack_columns(HOT_COLUMNS, values)


def _properties(text: bytes) -> bytes:
    return _NO_PROPERTIES if text is EMPTY else pack_json(text)


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DAY + day)


def _head(size: int) -> bytes:
    """Return how a row begins whose id has this size."""
    return COUNT + size.to_bytes(4, "big")


def _page(addresses: tuple[str | None, str | None]) -> tuple[bytes, bool]:
    page, is_masked = read_page(*addresses)
    return pack_columns(packing.PAGE, page), is_masked


def _context(said: tuple[str | None, ...]) -> bytes:
    user_agent, address, *client = said
    truncated = None if address is None else truncate_address(address)
    return b"".join(
        (
            pack_columns(packing.AGENT, read_agent(user_agent)),
            NULL if truncated is None else pack_text(truncated),
            pack_columns(packing.CLIENT, client),
        )
    )


# What a device says of itself comes again with its every event.
_HEADS = Remembered(_head, kept=1_000)
_SEQUENCES = Remembered(pack_int8, kept=10_000)
_WHO = Remembered(pack_text, kept=65_536)
_PAGES = Remembered(_page, kept=32_768)
_CONTEXTS = Remembered(_context, kept=16_384)
