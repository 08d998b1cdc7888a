"""The long way: whatever is unusual about a record, mended where that is plain.

What was plainly meant is kept and the row flagged; everything else is set aside with
the reason, the place and what was expected there. No input raises anything else.
"""

import re
from typing import Any

import msgspec

from orchestration.raw.contracts import Contract
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import (
    PAGE_TITLE,
    Envelope,
    rejection_of,
    tidy,
)
from orchestration.raw.preparing import Preparation, Value
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.records import Record
from orchestration.raw.screening import screened, without_sensitive

_encode = msgspec.json.Encoder(order="sorted").encode
_INTEGER = re.compile(r"\A-?[0-9]{1,18}\Z", re.ASCII)
_NUMBER = re.compile(r"\A-?[0-9]{1,15}(?:\.[0-9]{1,15})?\Z", re.ASCII)
_TRUTH = {"true": True, "false": False}


class Mender:
    """Drafts of the records that the short way gave up on."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation
        self._source = preparation.source

    def draft(self, record: Record, known: Value) -> Draft | None:
        """Return the draft of a record, None if it may not be used for anything.

        Parameters
        ----------
        record : Record
            As it was read.
        known : dict
            Filled with what is known of the event, for the case that it is set aside.

        Raises
        ------
        RejectedError
            With the reason for which the record is set aside.
        """
        if record.problem is not None or not isinstance(record.value, dict):
            reason = Reason(record.problem or Reason.NOT_AN_OBJECT)
            raise RejectedError(reason, "", "a record of its format")
        # What may not be used may not be kept either, however broken it is.
        refuses = self._preparation.refuses
        consent = record.value.get("consent")
        if consent == [] or (self._preparation.mapper is None and refuses(consent)):
            return None
        known |= record.value
        sent = dict(record.value)
        is_cut = self._truncate(sent)
        value: Any = screened(sent)
        envelope, has_violation = self._envelope(value, known)
        has_violation |= is_cut
        purposes = self._preparation.purposes_of(envelope.consent)
        if not purposes:
            return None
        contract, envelope.event_name = self._preparation.contract_of(
            envelope.event_name
        )
        known["contract_version"] = contract.version
        known["event_name"] = envelope.event_name
        return self._judge(envelope, contract, purposes, has_violation)

    def raw(self, value: object) -> bytes:
        """Return a record that came without its bytes as JSON."""
        try:
            return _encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError):
            # Lone surrogates have no UTF-8; their escapes show what stood there.
            return repr(value).encode(errors="backslashreplace")

    def _envelope(self, value: Value, known: Value) -> tuple[Envelope, bool]:
        mapper = self._preparation.mapper
        mapped = mapper.apply(value) if mapper else value
        known.clear()
        known |= mapped
        if self._preparation.refuses(mapped.get("consent")):
            return Envelope(event_name="-", consent=[]), False
        fields, has_violation = tidy(mapped)
        known |= fields
        has_violation |= self._truncate(fields)
        fields = self._preparation.with_instants(fields)
        try:
            envelope = msgspec.convert(fields, Envelope)
        except msgspec.ValidationError as error:
            raise rejection_of(error) from None
        return envelope, has_violation

    def _truncate(self, fields: Value) -> bool:
        """Cut what the source lets run on, and tell whether anything was."""
        is_cut = False
        for name, length in self._source.truncated.items():
            text = fields.get(name)
            if isinstance(text, str) and len(text) > length:
                fields[name] = text[:length]
                is_cut = True
        return is_cut

    def _judge(
        self,
        envelope: Envelope,
        contract: Contract,
        purposes: tuple[str, ...],
        has_violation: bool,  # noqa: FBT001
    ) -> Draft:
        sent: Any = {} if envelope.properties is None else envelope.properties
        if not isinstance(sent, dict):
            raise RejectedError(Reason.WRONG_TYPE, "/properties", "an object")
        sent = {name: item for name, item in sent.items() if item is not None}
        if envelope.page_title is not None:
            sent[PAGE_TITLE] = envelope.page_title
            envelope.page_title = None
        if contract.has_money and "value" in sent:
            sent = self._preparation.with_currency(sent)
        properties, is_masked = without_sensitive(sent, contract)
        is_mended = self._mend_types(properties, contract)
        contract.check(properties)
        is_unknown = not contract.is_open and not contract.known >= properties.keys()
        text = _encode(properties)
        return Draft(
            envelope,
            contract,
            properties,
            text,
            _encode(sent) if is_masked or is_mended else text,
            purposes,
            has_violation=has_violation or is_masked or is_mended or is_unknown,
            is_screened=True,
        )

    def _mend_types(self, properties: Value, contract: Contract) -> bool:
        """Read numbers and flags that came as text; tell whether that is a fault.

        A CSV file has only text, so there it is none.
        """
        is_csv = self._source.format == "csv"
        is_mended = False
        for name, kind in (contract.kinds if is_csv else contract.soft).items():
            item = properties.get(name)
            mended = _mended(item, kind)
            if mended is not item:
                properties[name] = mended
                is_mended = not is_csv
        return is_mended


def _mended(item: object, kind: str) -> object:
    if kind == "string" and type(item) is int:
        return str(item)
    if not isinstance(item, str):
        return item
    text = item.strip()
    if kind == "boolean":
        return _TRUTH.get(text.lower(), item)
    if kind in ("integer", "number") and _INTEGER.match(text):
        return int(text)
    if kind == "number" and _NUMBER.match(text):
        return float(text)
    return item
