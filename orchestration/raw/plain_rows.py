"""Rows of plain drafts, column by column: what many rows share is packed once.

Row by row the interpreter took 4.5 µs to pack them, of which few are left. What is not
plain is left to `rows`; where both make a row, it is the same.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import NamedTuple

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
)
from orchestration.raw.contracts import EMPTY_COLUMNS, HOT_COLUMNS
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import Envelope
from orchestration.raw.packing import (
    COUNT,
    EPOCH_DAYS,
    EPOCH_MICROS,
    NULL,
    NotStorableError,
    pack_columns,
    pack_int8,
    pack_json,
    pack_text,
    packer,
)
from orchestration.raw.pages import read_page
from orchestration.raw.records import Row
from orchestration.raw.rows import EMPTY, RowMaker, payload_of

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TOO_LATE = LATENESS.index("too_late")
_NO_HOT = pack_columns(HOT_COLUMNS, EMPTY_COLUMNS)
_NO_PROPERTIES = pack_json(EMPTY)
_NO_PAYLOAD = bytes(32)
# Sequences as they come in sessions.
_SEQUENCES = {number: pack_int8(number) for number in (None, *range(1_000))}
# How a row begins, up to its id, and the columns TIMES of a row that has them all.
_HEAD = np.dtype(
    [
        *(("count", ">i2"), ("key_size", ">i4"), ("key", ">i8")),
        *(("payload_size", ">i4"), ("payload", ">i8"), ("id_size", ">i4")),
    ]
)
_TIMES = np.dtype(
    [
        *(("day_size", ">i4"), ("day", ">i4")),
        *(("occurred_size", ">i4"), ("occurred", ">i8")),
        *(("received_size", ">i4"), ("received", ">i8")),
        *(("sent_size", ">i4"), ("sent", ">i8")),
    ]
)
_DAY_AND_INSTANT = 20

_client_of = attrgetter(*packing.CLIENT)
_pack_client = packer(packing.CLIENT, kept=4_096)
_pack_nature = packer(packing.NATURE, kept=4_096)
# The few things a device says of itself come again with its every event.
_pack_who = lru_cache(maxsize=65_536)(pack_text)


class _Clocks(NamedTuple):
    """The clocks of all rows; where one is not settled, its columns mean nothing."""

    instants: Instants
    days: np.ndarray
    received: Instants
    sent: Instants
    is_future: list[bool]
    lateness: list[int]
    is_settled: np.ndarray


class PlainRows:
    """Makes the rows of one file that need no second look."""

    def __init__(self, maker: RowMaker) -> None:
        self._maker = maker
        self._source = maker.source.name
        self._prefix = f"{self._source}\x1f".encode()

    def make(self, drafts: Sequence[Draft]) -> list[Row | None]:
        """Return the row of every draft; None where `RowMaker` has to judge."""
        if not drafts:
            return []
        envelopes = [draft.envelope for draft in drafts]
        clocks = self._clocks(envelopes)
        try:
            has_violation, columns = self._columns(drafts, envelopes, clocks)
        except (ValueError, NotStorableError):
            # Half a character, say, in one of them: halving finds it.
            if len(drafts) == 1:
                return [None]
            middle = len(drafts) // 2
            return self.make(drafts[:middle]) + self.make(drafts[middle:])
        # Last, since a payload leaves an envelope without what delivery added to it.
        payloads = [_payload(draft) for draft in drafts]
        is_plain = [
            is_settled and payload is not _NO_PAYLOAD and _has_subject(draft)
            for is_settled, payload, draft in zip(
                clocks.is_settled.tolist(), payloads, drafts, strict=True
            )
        ]
        heads, identities = self._identities(envelopes, payloads)
        rows = map(
            Row,
            *identities,
            [each.event_name for each in envelopes],
            map(_date, clocks.days.tolist()),
            clocks.instants.tolist(),
            _or_none(clocks.received),
            _or_none(clocks.sent),
            _halves(payloads)[0].tolist(),
            [each.device_id for each in envelopes],
            has_violation,
            [draft.contract.version for draft in drafts],
            [late == _TOO_LATE for late in clocks.lateness],
            map(b"".join, zip(heads, *columns, strict=True)),
        )
        return [
            row if plain else None for row, plain in zip(rows, is_plain, strict=True)
        ]

    def _clocks(self, envelopes: Sequence[Envelope]) -> _Clocks:
        default = self._maker.default_time
        occurred = _micros(each.occurred_at or default for each in envelopes)
        received = _micros(each.received_at for each in envelopes)
        sent = _micros(each.sent_at for each in envelopes)
        settled = self._maker.clocks.settle_all(occurred, sent, received)
        is_settled = settled.is_settled & (occurred != NEVER)
        return _Clocks(
            np.where(is_settled, settled.instants, 0),
            np.where(is_settled, settled.days, 0),
            received,
            sent,
            settled.is_future.tolist(),
            settled.lateness.tolist(),
            is_settled,
        )

    def _columns(
        self, drafts: Sequence[Draft], envelopes: Sequence[Envelope], clocks: _Clocks
    ) -> tuple[list[bool], list[Iterable[bytes]]]:
        """Return which rows have a violation, and their packed columns after the id."""
        pages = [_page(each.page_url, each.referrer) for each in envelopes]
        has_violation = [
            draft.has_violation or is_masked
            for draft, (_, is_masked) in zip(drafts, pages, strict=True)
        ]
        natures = zip(
            *([self._source] * len(drafts), [each.event_name for each in envelopes]),
            [draft.contract.is_interactive for draft in drafts],
            [draft.contract.version for draft in drafts],
            [RULE_VERSION] * len(drafts),
            map(self._maker.is_internal, envelopes),
            [each.is_test is True for each in envelopes],
            *(has_violation, clocks.is_future),
            [LATENESS[late] for late in clocks.lateness],
            [draft.purposes for draft in drafts],
            strict=True,
        )
        return has_violation, [
            _pack_times(clocks),
            [_sequence(each.sequence) for each in envelopes],
            [_pack_who(each.device_id) for each in envelopes],
            [_pack_who(each.user_id) for each in envelopes],
            [_pack_who(each.client_session_id) for each in envelopes],
            [page for page, _ in pages],
            [_hot(draft.hot) for draft in drafts],
            [_agent(each.user_agent) for each in envelopes],
            [_address(each.ip) for each in envelopes],
            [_pack_client(each) for each in map(_client_of, envelopes)],
            [_pack_nature(each) for each in natures],
            [_properties(draft.text) for draft in drafts],
        ]

    def _identities(
        self, envelopes: Sequence[Envelope], payloads: Sequence[bytes]
    ) -> tuple[list[bytes], tuple[list, list, list]]:
        """Return how rows begin, and their keys, confirming hashes and ids.

        A row without an id has no beginning yet, and its payload's hash for an id.
        """
        prefix = self._prefix
        ids = [each.event_id for each in envelopes]
        encoded = [b"" if each is None else each.encode() for each in ids]
        keys, id_hashes = _halves([sha256(prefix + each).digest() for each in encoded])
        heads = np.empty(len(ids), dtype=_HEAD)
        heads["count"], heads["key_size"], heads["payload_size"] = COUNT, 8, 8
        heads["key"], (heads["payload"], _) = keys, _halves(payloads)
        heads["id_size"] = [len(each) for each in encoded]
        begins = [head + each for head, each in zip(_cut(heads), encoded, strict=True)]
        found, hashes = keys.tolist(), id_hashes.tolist()
        for place in [place for place, each in enumerate(ids) if each is None]:
            found[place], hashes[place], begins[place] = None, 0, b""
            ids[place] = payloads[place].hex()
        return begins, (found, hashes, ids)


def _micros(times: Iterable[datetime | None]) -> Instants:
    return np.array(
        [NEVER if time is None else (time - EPOCH) // MICROSECOND for time in times],
        dtype=np.int64,
    )


def _or_none(instants: Instants) -> list[int | None]:
    return [None if instant == NEVER else instant for instant in instants.tolist()]


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


def _payload(draft: Draft) -> bytes:
    try:
        return payload_of(draft)
    except ValueError:
        return _NO_PAYLOAD


def _cut(columns: np.ndarray) -> list[bytes]:
    """Return the bytes of each element of a structured array."""
    content, size = columns.tobytes(), columns.dtype.itemsize
    return [content[at : at + size] for at in range(0, len(content), size)]


def _pack_times(clocks: _Clocks) -> list[bytes]:
    """Pack the columns TIMES of every row."""
    columns = np.empty(len(clocks.days), dtype=_TIMES)
    columns["day_size"] = 4
    columns["occurred_size"] = columns["received_size"] = columns["sent_size"] = 8
    columns["day"] = clocks.days - EPOCH_DAYS
    columns["occurred"] = clocks.instants - EPOCH_MICROS
    columns["received"] = clocks.received - EPOCH_MICROS
    columns["sent"] = clocks.sent - EPOCH_MICROS
    packed = _cut(columns)
    lacks_time = (clocks.received == NEVER) | (clocks.sent == NEVER)
    for place in np.flatnonzero(lacks_time).tolist():
        packed[place] = packed[place][:_DAY_AND_INSTANT] + b"".join(
            NULL if time[place] == NEVER else pack_int8(int(time[place]) - EPOCH_MICROS)
            for time in (clocks.received, clocks.sent)
        )
    return packed


def _sequence(number: int | None) -> bytes:
    return _SEQUENCES.get(number) or pack_int8(number)


def _hot(values: tuple | None) -> bytes:
    return _NO_HOT if values is None else pack_columns(HOT_COLUMNS, values)


def _properties(text: bytes) -> bytes:
    return _NO_PROPERTIES if text is EMPTY else pack_json(text)


@lru_cache(maxsize=10_000)
def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DAY + day)


@lru_cache(maxsize=32_768)
def _page(url: str | None, referrer: str | None) -> tuple[bytes, bool]:
    page, is_masked = read_page(url, referrer)
    return pack_columns(packing.PAGE, page), is_masked


@lru_cache(maxsize=16_384)
def _agent(user_agent: str | None) -> bytes:
    return pack_columns(packing.AGENT, read_agent(user_agent))


@lru_cache(maxsize=65_536)
def _address(text: str | None) -> bytes:
    return NULL if text is None else pack_text(truncate_address(text))
