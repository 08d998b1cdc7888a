"""Rows of plain drafts, column by column: what many rows share is packed once.

Row by row the interpreter took 4.5 µs to pack them, of which few are left. What is not
plain is left to `rows`; where both make a row, it is the same.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
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
    FIRST_MICROS,
    LAST_MICROS,
    LATENESS,
    MICROSECOND,
    NEVER,
    Instants,
    to_micros,
    to_utc,
)
from orchestration.raw.contracts import EMPTY_COLUMNS, HOT_COLUMNS, Contract
from orchestration.raw.draft_columns import Drafts, Said, columns_of
from orchestration.raw.drafts import Draft
from orchestration.raw.fixed_columns import KEYS_SIZE, pack_fixed
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
from orchestration.raw.remembered import Remembered
from orchestration.raw.row_columns import Rows
from orchestration.raw.rows import RowMaker

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
    is_future: np.ndarray
    lateness: np.ndarray
    is_settled: np.ndarray


class PlainRows:
    """Makes the rows of one file that need no second look."""

    def __init__(self, maker: RowMaker) -> None:
        self._maker = maker
        self._source = maker.source.name
        self._prefix = f"{self._source}\x1f".encode()
        self._natures = Remembered(self._nature, kept=4_096)

    def make(self, drafts: Sequence[Draft]) -> tuple[Rows, np.ndarray]:
        """Return rows, and the places of their drafts.

        What is missing is left to `RowMaker` to judge.
        """
        if not drafts:
            return Rows(), np.empty(0, np.int64)
        said, settled = columns_of(drafts)
        try:
            clocks = self._clocks(said)
            encoded = [b"" if each is None else each.encode() for each in said.event_id]
            has_violation, columns = self._columns(settled, said, clocks)
        except (ValueError, OverflowError, NotStorableError):
            # Half a character, say, in one of them: halving finds it.
            if len(drafts) == 1:
                return Rows(), np.empty(0, np.int64)
            middle = len(drafts) // 2
            first, before = self.make(drafts[:middle])
            second, after = self.make(drafts[middle:])
            return Rows.joined([first, second]), np.append(before, after + middle)
        payloads = payloads_of(said, settled.texts, _or_none(clocks.occurred))
        is_plain = clocks.is_settled
        if None in payloads:
            is_plain = is_plain & [payload is not None for payload in payloads]
        if None in said.device_id:
            is_plain = is_plain & _have_subject(settled, said)
        rows = self._rows(
            (list(said.event_id), encoded, [each or bytes(32) for each in payloads]),
            clocks,
            columns,
            (said, has_violation, settled.contracts),
        )
        places = np.flatnonzero(is_plain)
        return (rows if is_plain.all() else rows.take(places)), places

    def _clocks(self, said: Said) -> _Clocks:
        zone = self._maker.zone
        occurred = _micros(said.occurred_at, zone)
        received = _micros(said.received_at, zone)
        sent = _micros(said.sent_at, zone)
        assumed = occurred
        if self._maker.default_time is not None:
            default = to_micros(self._maker.default_time)
            assumed = np.where(occurred == NEVER, default, occurred)
        settled = self._maker.clocks.settle_all(assumed, sent, received)
        is_settled = settled.is_settled & (assumed != NEVER)
        for instants in (occurred, received, sent):
            is_settled &= (instants == NEVER) | (
                (instants >= FIRST_MICROS) & (instants <= LAST_MICROS)
            )
        return _Clocks(
            occurred,
            np.where(is_settled, settled.instants, 0),
            np.where(is_settled, settled.days, 0),
            received,
            sent,
            settled.is_future,
            settled.lateness,
            is_settled,
        )

    def _columns(
        self, drafts: Drafts, said: Said, clocks: _Clocks
    ) -> tuple[np.ndarray, list[Iterable[bytes]]]:
        """Return which rows have a violation, and their packed columns after TIMES."""
        pages = _PAGES.of(zip(said.page_url, said.referrer, strict=True))
        page, is_masked = zip(*pages, strict=True)
        has_violation = np.array(drafts.has_violation) | is_masked
        kinds = clocks.lateness + 4 * clocks.is_future + 8 * has_violation
        if self._maker.has_internal:
            kinds += 16 * np.array(list(map(self._maker.is_internal, drafts.envelopes)))
        if True in said.is_test:
            kinds += 32 * np.array([each is True for each in said.is_test])
        natures = zip(
            said.event_name,
            [contract.is_interactive for contract in drafts.contracts],
            [contract.version for contract in drafts.contracts],
            *(kinds.tolist(), drafts.purposes),
            strict=True,
        )
        context = (
            *(said.user_agent, said.ip, said.platform),
            *(said.region, said.locale, said.app_version),
        )
        return has_violation, [
            _of(_SEQUENCES, said.sequence),
            _of(_WHO, said.device_id),
            _of(_WHO, said.user_id),
            _of(_WHO, said.client_session_id),
            page,
            [_NO_HOT if hot is None else _hot(hot) for hot in drafts.hot],
            repeat(_CONTEXTS[(None,) * len(context)])
            if all(map(_is_empty, context))
            else _CONTEXTS.of(zip(*context, strict=True)),
            self._natures.of(natures),
            [
                _NO_PROPERTIES if text is EMPTY else pack_json(text)
                for text in drafts.texts
            ],
        ]

    def _nature(self, said: tuple) -> bytes:
        name, is_interactive, version, kind, purposes = said
        has_violation, is_internal, is_test = (bool(kind & bit) for bit in (8, 16, 32))
        return pack_columns(
            packing.NATURE,
            (
                *(self._source, name, is_interactive, version, RULE_VERSION),
                *(is_internal, is_test, has_violation, bool(kind & 4)),
                *(LATENESS[kind & 3], purposes),
            ),
        )

    def _rows(
        self,
        identities: tuple[list, Sequence[bytes], Sequence[bytes]],
        clocks: _Clocks,
        columns: Sequence[Iterable[bytes]],
        told: tuple[Said, np.ndarray, Sequence[Contract]],
    ) -> Rows:
        """Return the rows of what was packed and what `Rows` tell besides.

        A row without an id has no beginning and no key yet, and its payload's hash for
        an id.
        """
        ids, encoded, payloads = identities
        said, has_violation, contracts = told
        prefix = self._prefix
        keys, id_hashes = _halves([sha256(prefix + each).digest() for each in encoded])
        hashes = _halves(payloads)[0]
        begins = _begins(keys, hashes, clocks)
        heads = [_HEADS[len(each)] + each for each in encoded]
        is_nameless = np.zeros(len(ids), bool)
        if None in ids:
            is_nameless = np.array([each is None for each in ids])
            for place in np.flatnonzero(is_nameless).tolist():
                keys[place], id_hashes[place] = 0, 0
                ids[place] = payloads[place].hex()
                heads[place] = b""
                begins[place] = begins[place][KEYS_SIZE:]
        return Rows(
            keys,
            id_hashes,
            ids,
            list(said.event_name),
            clocks.days,
            clocks.instants,
            clocks.received,
            clocks.sent,
            hashes,
            list(said.device_id),
            has_violation,
            np.array([contract.version for contract in contracts]),
            clocks.lateness == _TOO_LATE,
            list(map(b"".join, zip(heads, begins, *columns, strict=False))),
            is_nameless,
        )


def _begins(keys: np.ndarray, hashes: np.ndarray, clocks: _Clocks) -> list[bytes]:
    """Pack what follows the ids, up to TIMES."""
    return pack_fixed(
        {
            "event_key": keys,
            "payload_hash": hashes,
            "occurred_on": clocks.days,
            "occurred_at": clocks.instants,
            "received_at": clocks.received,
            "sent_at": clocks.sent,
        }
    )


def _micros(times: Sequence[Any], zone: tzinfo) -> Instants:
    """Return instants in microseconds since 1970, NEVER where there is none."""
    if _is_empty(times):
        return np.full(len(times), NEVER)
    try:
        if isinstance(times[0], int):
            return np.array(times, dtype=np.int64)
        since = map(floordiv, map(sub, times, repeat(EPOCH)), repeat(MICROSECOND))
        return np.fromiter(since, dtype=np.int64, count=len(times))
    except TypeError:
        # Nulls, times without an offset, or more than one kind of envelope.
        return np.array([_micro(time, zone) for time in times], dtype=np.int64)


def _micro(time: datetime | int | None, zone: tzinfo) -> int:
    if time is None:
        return NEVER
    return time if isinstance(time, int) else to_micros(to_utc(time, zone))


def _or_none(instants: Instants) -> list[int | None]:
    found = instants.tolist()
    if NEVER not in found:
        return found
    return [None if instant == NEVER else instant for instant in found]


def _halves(digests: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two times 64 bits of hashes; `keys.halves` does so for one."""
    quarters = np.frombuffer(b"".join(digests), dtype=">i8").reshape(-1, 4)
    return quarters[:, 0].astype(np.int64), quarters[:, 1].astype(np.int64)


def _have_subject(drafts: Drafts, said: Said) -> list[bool]:
    return [
        device is not None or user is not None or not contract.needs_subject
        for device, user, contract in zip(
            said.device_id, said.user_id, drafts.contracts, strict=True
        )
    ]


def _is_empty(column: Sequence[object]) -> bool:
    return column.count(None) == len(column)


def _of(packed: Remembered[Any, bytes], column: Sequence[object]) -> Iterable[bytes]:
    return repeat(packed[None]) if _is_empty(column) else packed.of(column)


def _hot(values: tuple) -> bytes:
    return pack_columns(HOT_COLUMNS, values)


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
