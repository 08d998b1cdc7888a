"""Rows of plain drafts, many at a time: clocks as columns, shared pieces packed once.

What is not plain is left to `rows`; where both make a row, it is the same.
"""

import struct
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter

import numpy as np

from orchestration.raw import packing
from orchestration.raw.addresses import truncate_address
from orchestration.raw.agents import NO_AGENT, RULE_VERSION, read_agent
from orchestration.raw.clocks import (
    EPOCH,
    LATENESS,
    MICROSECOND,
    NEVER,
    Instants,
    SettledInstants,
)
from orchestration.raw.contracts import EMPTY_COLUMNS, HOT_COLUMNS
from orchestration.raw.drafts import Draft
from orchestration.raw.keys import halves
from orchestration.raw.packing import (
    COUNT,
    EPOCH_DAYS,
    EPOCH_MICROS,
    HEAD,
    NULL,
    NotStorableError,
    pack_columns,
    pack_int8,
    pack_json,
    pack_text,
    packer,
)
from orchestration.raw.pages import NO_PAGE, read_page
from orchestration.raw.records import Row
from orchestration.raw.rows import EMPTY, RowMaker, payload_of

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_NO_PAGE = pack_columns(packing.PAGE, NO_PAGE)
_NO_HOT = pack_columns(HOT_COLUMNS, EMPTY_COLUMNS)
_NO_AGENT = pack_columns(packing.AGENT, NO_AGENT) + NULL
_NO_PROPERTIES = pack_json(EMPTY)
_TOO_LATE = LATENESS.index("too_late")
# Packed lengths of identifiers, and sequences as they come in sessions.
_LENGTHS = [struct.pack(">i", length) for length in range(4_096)]
_SEQUENCES = {number: pack_int8(number) for number in (None, *range(1_000))}
# The columns TIMES of a row that has them all.
_TIMES = np.dtype(
    [
        *(("day_size", ">i4"), ("day", ">i4")),
        *(("occurred_size", ">i4"), ("occurred", ">i8")),
        *(("received_size", ">i4"), ("received", ">i8")),
        *(("sent_size", ">i4"), ("sent", ">i8")),
    ]
)

_client_of = attrgetter(*packing.CLIENT)
_pack_client = packer(packing.CLIENT, kept=4_096)
_pack_nature = packer(packing.NATURE, kept=4_096)


class PlainRows:
    """Makes the rows of one file that need no second look."""

    def __init__(self, maker: RowMaker) -> None:
        self._maker = maker
        self._source = maker.source.name
        self._prefix = f"{self._source}\x1f".encode()

    def make(self, drafts: Sequence[Draft]) -> list[Row | None]:
        """Return the row of every draft; None where `RowMaker` has to judge."""
        envelopes = [draft.envelope for draft in drafts]
        default = self._maker.default_time
        occurred = _micros([each.occurred_at or default for each in envelopes])
        received = _micros([each.received_at for each in envelopes])
        sent = _micros([each.sent_at for each in envelopes])
        settled = self._maker.clocks.settle_all(occurred, sent, received)
        is_plain = settled.is_settled & (occurred != NEVER)
        times = zip(
            settled.instants.tolist(),
            received.tolist(),
            sent.tolist(),
            settled.days.tolist(),
            settled.is_future.tolist(),
            settled.lateness.tolist(),
            _pack_times(settled, received, sent),
            strict=True,
        )
        return [
            self._row(draft, each) if plain else None
            for draft, each, plain in zip(drafts, times, is_plain.tolist(), strict=True)
        ]

    def _row(self, draft: Draft, times: tuple) -> Row | None:
        envelope, contract = draft.envelope, draft.contract
        device, event_id = envelope.device_id, envelope.event_id
        if device is None and envelope.user_id is None and contract.needs_subject:
            return None
        occurred, received, sent, day, _, lateness, _ = times
        try:
            described, has_violation = self._described(draft, times)
            payload = payload_of(draft)
        except (ValueError, NotStorableError):
            return None
        payload_hash, _ = halves(payload)
        if event_id is None:
            key, id_hash, event_id, packed = None, 0, payload.hex(), described
        else:
            encoded = event_id.encode()
            key, id_hash = halves(sha256(self._prefix + encoded).digest())
            head = HEAD.pack(COUNT, 8, key, 8, payload_hash, len(encoded))
            packed = b"".join((head, encoded, described))
        return Row(
            key,
            id_hash,
            event_id,
            envelope.event_name,
            _date(day),
            occurred,
            None if received == NEVER else received,
            None if sent == NEVER else sent,
            payload_hash,
            device,
            has_violation,
            contract.version,
            lateness == _TOO_LATE,
            packed,
        )

    def _described(self, draft: Draft, times: tuple) -> tuple[bytes, bool]:
        """Return the columns after the identity, and whether any had a fault."""
        # The hot path: calls are what it costs, so what is seldom stands outside.
        envelope, contract = draft.envelope, draft.contract
        device, user = envelope.device_id, envelope.user_id
        sequence = envelope.sequence
        page, has_violation = _NO_PAGE, draft.has_violation
        if envelope.page_url is not None or envelope.referrer is not None:
            page, is_masked = _page(envelope.page_url, envelope.referrer)
            has_violation = has_violation or is_masked
        agent = _NO_AGENT
        if envelope.user_agent is not None or envelope.ip is not None:
            agent = _agent(envelope.user_agent) + _address(envelope.ip)
        text = draft.text
        nature = (
            *(self._source, envelope.event_name),
            *(contract.is_interactive, contract.version, RULE_VERSION),
            *(self._maker.is_internal(envelope), envelope.is_test is True),
            *(has_violation, times[4], LATENESS[times[5]], draft.purposes),
        )
        pieces = (
            times[6],
            _SEQUENCES.get(sequence) or pack_int8(sequence),
            NULL
            if device is None
            else _LENGTHS[len(device := device.encode())] + device,
            NULL if user is None else _LENGTHS[len(user := user.encode())] + user,
            pack_text(envelope.client_session_id),
            page,
            _NO_HOT if draft.hot is None else pack_columns(HOT_COLUMNS, draft.hot),
            agent,
            _pack_client(_client_of(envelope)),
            _pack_nature(nature),
            _NO_PROPERTIES if text == EMPTY else pack_json(text),
        )
        return b"".join(pieces), has_violation


def _micros(times: Sequence[datetime | None]) -> Instants:
    return np.array(
        [NEVER if time is None else (time - EPOCH) // MICROSECOND for time in times],
        dtype=np.int64,
    )


def _pack_times(
    settled: SettledInstants, received: Instants, sent: Instants
) -> list[bytes]:
    """Pack the columns TIMES of every row."""
    columns = np.empty(len(received), dtype=_TIMES)
    columns["day_size"] = 4
    columns["occurred_size"] = columns["received_size"] = columns["sent_size"] = 8
    columns["day"] = settled.days - EPOCH_DAYS
    columns["occurred"] = settled.instants - EPOCH_MICROS
    columns["received"] = received - EPOCH_MICROS
    columns["sent"] = sent - EPOCH_MICROS
    content, size = columns.tobytes(), _TIMES.itemsize
    packed = [content[at : at + size] for at in range(0, len(content), size)]
    for place in np.flatnonzero((received == NEVER) | (sent == NEVER)).tolist():
        # Day and instant stand first.
        packed[place] = packed[place][:20] + b"".join(
            NULL if time[place] == NEVER else pack_int8(int(time[place]) - EPOCH_MICROS)
            for time in (received, sent)
        )
    return packed


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
