"""Records to rows of raw.events, or set aside with a reason: pure, and fast.

Almost every record takes the short way: one conversion, one compiled contract, two
hashes. Whatever is unusual about a record makes the short way give up, and the long
way in `mending` says what it is; both end in the same row.
"""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from orchestration.raw.contracts import Contract, Contracts, JsonSchemaError
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import PAGE_TITLE, Envelope
from orchestration.raw.mending import Mender
from orchestration.raw.ordinals import Ordinals
from orchestration.raw.preparing import Preparation, Value
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.records import EVENT_COLUMNS, Batch, Record, SetAside
from orchestration.raw.rows import RowMaker, fill_identities
from orchestration.raw.screening import screened
from orchestration.raw.sensitive import is_suspect, is_suspect_json
from orchestration.raw.sources import Source

_LATENESS = EVENT_COLUMNS.index("lateness")
_encode = msgspec.json.Encoder(order="sorted").encode
_convert = msgspec.convert


class _UnusualError(Exception):
    """Something that only the long way can judge."""


# What the short way may meet in any input; the long way finds out and says why.
_UNUSUAL = (
    _UnusualError,
    RejectedError,
    JsonSchemaError,
    msgspec.MsgspecError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
)


@dataclass(eq=False)
class Normalizer:
    """Normalises the records of one file, chunk by chunk.

    Keep one for a file: it numbers identical records without an id.

    Attributes
    ----------
    source : Source
        Who sent the file, and what was agreed.
    contracts : Contracts
        What each kind of event must look like; share one between files.
    timezone : str
        The reporting timezone.
    pseudonym_key : bytes
        Key of intake pseudonyms.
    now : datetime
        When the load began.
    retention_floor : date or None
        The first day that is kept.
    arrived_at : datetime or None
        When the file arrived: the time of events without one, where the source
        declares `missing_time: arrival`. None means `now`.
    row_allowance : int or None
        How many rows the source's daily quota still allows; None means any number.
    is_suppressed : callable or None
        Tells of a user id and a device id whether they belong to an erased person.
    """

    _: KW_ONLY
    source: Source
    contracts: Contracts
    timezone: str
    pseudonym_key: bytes
    now: datetime
    retention_floor: date | None = None
    arrived_at: datetime | None = None
    row_allowance: int | None = None
    is_suppressed: Callable[[str | None, str | None], bool] | None = None

    def __post_init__(self) -> None:
        """Compile what the source declares."""
        self._preparation = Preparation(
            self.source, self.contracts, pseudonym_key=self.pseudonym_key
        )
        self._rows = RowMaker(
            source=self.source,
            timezone=self.timezone,
            now=self.now,
            floor=self.retention_floor,
            arrived_at=self.arrived_at,
        )
        self._mender = Mender(self._preparation)
        self._ordinals = Ordinals()
        self._row_count = 0
        self._has_limits = (
            self.row_allowance is not None or self.source.too_late == "hold"
        )

    def normalize(self, records: Iterable[Record]) -> Batch:
        """Return what becomes of a chunk of records; raises for no input."""
        batch = Batch()
        rows, lines, raws = batch.rows, batch.lines, batch.raws
        for record in records:
            batch.record_count += 1
            line, _, raw, value, _ = record
            try:
                row = self._row(self._draft(value), batch)
            except _UNUSUAL:
                row = self._mended_row(record, batch)
            if row is None:
                continue
            if self._has_limits and not self._is_within_limits(row, record, batch):
                continue
            rows.append(row)
            lines.append(line)
            raws.append(raw or self._mender.raw(value))
        fill_identities(rows, self._ordinals)
        return batch

    def _draft(self, value: Any) -> Draft | None:
        """Go the short way; None if the event may not be used for anything."""
        preparation = self._preparation
        if preparation.prepare is not None:
            value = preparation.prepare(value)
        envelope = _convert(value, Envelope)
        purposes = preparation.purposes_of(envelope.consent)
        if not purposes:
            return None
        contract, envelope.event_name = preparation.contract_of(envelope.event_name)
        properties = envelope.properties
        if properties is None:
            properties = {}
        elif type(properties) is not dict:
            raise _UnusualError
        if envelope.page_title is not None:
            properties = {**properties, PAGE_TITLE: envelope.page_title}
            envelope.page_title = None
        if not properties and not contract.needs_properties:
            return Draft(envelope, contract, properties, b"{}", b"{}", purposes)
        if contract.has_money and "value" in properties:
            properties = preparation.with_currency(properties)
        text = _checked(contract, properties)
        return Draft(envelope, contract, properties, text, text, purposes)

    def _row(self, draft: Draft | None, batch: Batch) -> tuple | None:
        """Return the row of a draft, or None and count why there is none."""
        if draft is None:
            batch.not_consented_count += 1
            return None
        envelope = draft.envelope
        if self.is_suppressed and self.is_suppressed(
            envelope.user_id, envelope.device_id
        ):
            batch.suppressed_count += 1
            return None
        return self._rows.make(draft)

    def _mended_row(self, record: Record, batch: Batch) -> tuple | None:
        """Go the long way; None if the record was counted or set aside."""
        known: dict[str, Any] = {}
        try:
            return self._row(self._mender.draft(record, known), batch)
        except RejectedError as error:
            rejected = error
        if self._is_of_erased_person(known):
            batch.suppressed_count += 1
            return None
        batch.set_aside.append(
            SetAside(
                outcome="quarantined",
                reason=rejected.reason.value,
                pointer=rejected.pointer,
                expected=rejected.expected,
                contract_version=known.get("contract_version"),
                event_name=_storable(known.get("event_name")),
                event_id=_storable(known.get("event_id")),
                line=record.line,
                offset=record.offset,
                raw=record.raw or self._mender.raw(record.value),
            )
        )
        return None

    def _is_of_erased_person(self, known: dict[str, object]) -> bool:
        if self.is_suppressed is None:
            return False
        return self.is_suppressed(
            _storable(known.get("user_id")), _storable(known.get("device_id"))
        )

    def _is_within_limits(self, row: tuple, record: Record, batch: Batch) -> bool:
        """Set aside what the source's own rules do not let in, at least not yet."""
        outcome, reason = "held", Reason.TOO_LATE
        if self.source.too_late != "hold" or row[_LATENESS] != "too_late":
            allowance = self.row_allowance
            if allowance is None or self._row_count < allowance:
                self._row_count += 1
                return True
            outcome, reason = "quarantined", Reason.OVER_QUOTA
        batch.set_aside.append(
            SetAside(
                outcome=outcome,
                reason=reason.value,
                pointer="",
                expected=None,
                contract_version=row[_CONTRACT_VERSION],
                event_name=row[_EVENT_NAME],
                event_id=row[_EVENT_ID] if row[_KEY] is not None else None,
                line=record.line,
                offset=record.offset,
                raw=record.raw or self._mender.raw(record.value),
            )
        )
        return False


_CONTRACT_VERSION = EVENT_COLUMNS.index("contract_version")
_EVENT_NAME = EVENT_COLUMNS.index("event_name")
_EVENT_ID = EVENT_COLUMNS.index("event_id")
_KEY = EVENT_COLUMNS.index("event_key")


def _checked(contract: Contract, properties: Value) -> bytes:
    """Return the canonical JSON of properties that meet their contract."""
    if not (contract.is_open or contract.known >= properties.keys()):
        raise _UnusualError
    contract.validate(properties)
    if contract.is_open:
        watched = list(properties.values())
    elif contract.watched.isdisjoint(properties):
        watched = []
    else:
        watched = [properties[name] for name in contract.watched & properties.keys()]
    text = _encode(properties)
    if watched:
        _look_closer(watched, text, is_open=contract.is_open)
    # What is no number is encoded as null, and a null meets no contract.
    if b"null" in text:
        raise _UnusualError
    return text


def _look_closer(watched: list[object], text: bytes, *, is_open: bool) -> None:
    """Give up if what nobody declared holds anything personal or unstorable."""
    is_all_text = True
    for item in watched:
        if type(item) is not str:
            is_all_text = False
            screened(item)
        elif not is_open and is_suspect(item):
            raise _UnusualError
    if (is_open or not is_all_text) and is_suspect_json(text):
        raise _UnusualError


def _storable(value: object) -> str | None:
    """Return text that a column of raw.set_aside can hold, or None."""
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    return value.encode(errors="replace").decode()[:512]
