"""What a source declares, compiled: its words, its times, its contracts, its basis."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from orchestration.raw.clocks import read_instant
from orchestration.raw.contracts import (
    CUSTOM,
    CUSTOM_NAME,
    CUSTOM_PREFIX,
    Contract,
    Contracts,
)
from orchestration.raw.envelope import TIME_FIELDS
from orchestration.raw.mapping import Mapper, snake_case
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.sources import Source

Value = dict[str, object]
# Made-up names must not fill the memory.
_NAMES_KEPT = 10_000


class Preparation:
    """What has to be done with every record of a source before it can be judged.

    Attributes
    ----------
    prepare : callable or None
        From a record to the canonical envelope; None if it is one already.
    """

    def __init__(
        self, source: Source, contracts: Contracts, *, pseudonym_key: bytes
    ) -> None:
        self.source = source
        self.contracts = contracts
        self._default_purposes = (
            ()
            if source.consent.basis == "consent"
            else tuple(sorted(set(source.consent.purposes)))
        )
        self._zone = ZoneInfo(source.timezone)
        self.mapper = (
            None
            if source.mapping == "native"
            else Mapper(source.mapping, pseudonym_key=pseudonym_key)
        )
        is_canonical = self.mapper is None and source.time_unit == "iso"
        self.prepare: Callable[[Value], Value] | None = (
            None if is_canonical else self.envelope_of
        )
        self._contracts_by_name: dict[str, tuple[Contract, str]] = {}

    def envelope_of(self, value: Value) -> Value:
        """Return the canonical envelope of a record, with instants for its times."""
        envelope = self.mapper.apply(value) if self.mapper else dict(value)
        return self.with_instants(envelope)

    def with_instants(self, envelope: Value) -> Value:
        """Read the times of an envelope in the unit and the zone of the source."""
        for name in TIME_FIELDS:
            if name in envelope:
                envelope[name] = read_instant(
                    envelope[name],
                    unit=self.source.time_unit,
                    zone=self._zone,
                    pointer=f"/{name}",
                )
        return envelope

    def purposes_of(self, consent: list[str] | None) -> tuple[str, ...]:
        """Return what an event may be used for, which may be nothing."""
        if consent is None:
            return self._default_purposes
        return tuple(consent if len(consent) <= 1 else sorted(set(consent)))

    def refuses(self, consent: object) -> bool:
        """Tell whether an event of this consent may not be used for anything."""
        return consent == [] or (consent is None and not self._default_purposes)

    def with_currency(self, properties: Value) -> Value:
        """Return the properties with the source's currency where they name none."""
        if self.source.default_currency is None or "currency" in properties:
            return properties
        return {**properties, "currency": self.source.default_currency}

    def contract_of(self, name: str) -> tuple[Contract, str]:
        """Return the contract of an event, and the name under which it is kept."""
        found = self._contracts_by_name.get(name)
        if found is None:
            found = self._find(name)
            if len(self._contracts_by_name) >= _NAMES_KEPT:
                self._contracts_by_name.clear()
            self._contracts_by_name[name] = found
        return found

    def _find(self, name: str) -> tuple[Contract, str]:
        contract = self.contracts.find(name)
        policy = self.source.unknown_events
        if contract is None and policy == "custom":
            word = snake_case(name.removeprefix(CUSTOM_PREFIX))[:100]
            name = CUSTOM_PREFIX + word
            contract = self.contracts.find(name) if CUSTOM_NAME.match(name) else None
        is_custom = contract is not None and contract.name == CUSTOM
        if contract is None or (is_custom and policy == "quarantine"):
            raise RejectedError(
                Reason.UNKNOWN_EVENT, "/event_name", "an event that has a contract"
            )
        return contract, name
