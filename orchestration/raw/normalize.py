"""Records to rows of raw.events, or set aside with a reason: pure, and fast.

Almost every record takes the short way: a type per contract, columns of clocks, two
hashes. Whatever is unusual about a record makes the short way give up, and the long
way in `mending` says what it is; both end in the same row.
"""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime
from typing import Any, cast

import numpy as np

from orchestration.raw.contracts import Contracts
from orchestration.raw.drafting import UNUSUAL, Drafter
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import LINES, LineEnvelope
from orchestration.raw.formats.plain_lines import Plain
from orchestration.raw.mending import Mender
from orchestration.raw.ordinals import Ordinals
from orchestration.raw.plain_rows import PlainRows
from orchestration.raw.preparing import Preparation
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.records import Batch, Record, SetAside
from orchestration.raw.row_columns import Row, Rows
from orchestration.raw.rows import RowMaker, fill_identities
from orchestration.raw.sources import Source

Again = Callable[[Record], Record]


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
        self._plain_rows = PlainRows(self._rows)
        self._drafter = Drafter(self._preparation)
        self._mender = Mender(self._preparation)
        self._ordinals = Ordinals()
        self._row_count = 0
        self._has_limits = (
            self.row_allowance is not None or self.source.too_late == "hold"
        )

    @property
    def plain(self) -> Plain | None:
        """Return what decodes a plain line, None if the source has words of its own."""
        return LINES if self._preparation.prepare is None else None

    def normalize(
        self, records: Sequence[Record], *, again: Again | None = None
    ) -> Batch:
        """Return what becomes of a chunk of records; raises for no input.

        Parameters
        ----------
        records : sequence of Record
            In the order of the file.
        again : callable, optional
            Reads a record that is an envelope already as the dictionary that it was;
            needed where records were decoded by `plain`.
        """
        batch = Batch(record_count=len(records))
        rows, places, unusual = self._plainly(records, batch)
        if unusual:
            rows, places = self._with_mended(
                records, rows, places, unusual, batch, again
            )
        if self._has_limits:
            rows, places = self._within_limits(records, rows, places, batch)
        batch.rows = rows
        kept = records
        if len(rows) < len(records):
            kept = [records[place] for place in places.tolist()]
        batch.lines = [record.line for record in kept]
        batch.raws = [record.raw or self._mender.raw(record.value) for record in kept]
        fill_identities(rows, self.source.name, self._ordinals)
        return batch

    def _plainly(
        self, records: Sequence[Record], batch: Batch
    ) -> tuple[Rows, np.ndarray, list[int]]:
        """Go the short way: return rows, their places, and those that need the long."""
        drafts, places, unusual = [], [], []
        draft_of = self._drafter.draft
        is_any_dropped = self.is_suppressed is not None
        for place, record in enumerate(records):
            try:
                draft = draft_of(record.value)
            except UNUSUAL:
                unusual.append(place)
                continue
            if (draft is None or is_any_dropped) and self._is_dropped(draft, batch):
                continue
            drafts.append(draft)
            places.append(place)
        rows, kept = self._plain_rows.make(drafts)
        drafted = np.array(places, dtype=np.int64)
        if len(kept) < len(drafts):
            unusual = sorted([*unusual, *np.delete(drafted, kept).tolist()])
        return rows, drafted[kept], unusual

    def _with_mended(
        self,
        records: Sequence[Record],
        rows: Rows,
        places: np.ndarray,
        unusual: Sequence[int],
        batch: Batch,
        again: Again | None,
    ) -> tuple[Rows, np.ndarray]:
        """Add the rows of records that go the long way, where they belong."""
        mended: dict[int, Row] = {}
        for place in unusual:
            record = records[place]
            if again is not None and isinstance(record.value, LineEnvelope):
                record = again(record)
            row = self._mended_row(record, batch)
            if row is not None:
                mended[place] = row
        if not mended:
            return rows, places
        rows = Rows.joined([rows, Rows.of(mended.values())])
        places = np.append(places, list(mended))
        order = np.argsort(places)
        return rows.take(order), places[order]

    def _is_dropped(self, draft: Draft | None, batch: Batch) -> bool:
        """Tell whether an event may not be kept, and count it then."""
        if draft is None:
            batch.not_consented_count += 1
            return True
        if self.is_suppressed is None or not self.is_suppressed(
            draft.envelope.user_id, draft.envelope.device_id
        ):
            return False
        batch.suppressed_count += 1
        return True

    def _mended_row(self, record: Record, batch: Batch) -> Row | None:
        """Go the long way; None if the record was counted or set aside."""
        known: dict[str, Any] = {}
        try:
            draft = self._mender.draft(record, known)
            if self._is_dropped(draft, batch):
                return None
            return self._rows.make(cast("Draft", draft))
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

    def _within_limits(
        self,
        records: Sequence[Record],
        rows: Rows,
        places: np.ndarray,
        batch: Batch,
    ) -> tuple[Rows, np.ndarray]:
        """Set aside what the source's own rules do not let in, at least not yet."""
        is_held = rows.is_too_late & (self.source.too_late == "hold")
        is_kept = ~is_held
        if self.row_allowance is not None:
            is_kept &= self._row_count + np.cumsum(is_kept) <= self.row_allowance
        self._row_count += int(is_kept.sum())
        for at in np.flatnonzero(~is_kept).tolist():
            record, row = records[places[at]], rows[at]
            outcome, reason = "quarantined", Reason.OVER_QUOTA
            if is_held[at]:
                outcome, reason = "held", Reason.TOO_LATE
            batch.set_aside.append(
                SetAside(
                    outcome=outcome,
                    reason=reason.value,
                    pointer="",
                    expected=None,
                    contract_version=row.contract_version,
                    event_name=row.event_name,
                    event_id=row.event_id if row.event_key is not None else None,
                    line=record.line,
                    offset=record.offset,
                    raw=record.raw or self._mender.raw(record.value),
                )
            )
        kept = np.flatnonzero(is_kept)
        return (rows, places) if is_kept.all() else (rows.take(kept), places[kept])


def _storable(value: object) -> str | None:
    """Return text that a column of raw.set_aside can hold, or None."""
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    return value.encode(errors="replace").decode()[:512]
