"""Whose a landing record is, told by what its source declares."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

from orchestration.privacy.subjects import Subject
from orchestration.raw.clocks import from_micros
from orchestration.raw.normalize import Normalizer
from orchestration.raw.preparing import Preparation
from orchestration.raw.reasons import RejectedError
from orchestration.raw.records import Record
from orchestration.raw.sources import Pseudonym, Source

_KEYED = "p1_"


class LandingOwner:
    """Tells a person's records of one source from everybody else's.

    Parameters
    ----------
    preparation : Preparation
        From the source's words to ours, pseudonyms included.
    normalizer : callable
        Makes a normaliser for a file that arrived then; it alone knows when an event
        really occurred.
    """

    def __init__(
        self,
        subject: Subject,
        source: Source,
        *,
        preparation: Preparation,
        normalizer: Callable[[datetime], Normalizer],
    ) -> None:
        self.subject = subject
        self.source = source
        self._prepare = preparation.prepare
        self._make_normalizer = normalizer
        self._normalizer: Normalizer | None = None
        self._arrived_at = datetime.now(tz=UTC)

    def begin_file(self, arrived_at: datetime) -> None:
        """Say when the file arrived whose records come next."""
        self._arrived_at = arrived_at
        self._normalizer = None

    @cached_property
    def hints(self) -> tuple[bytes, ...]:
        """Bytes of which one stands in every file that is worth reading."""
        shared = [each.encode() for each in sorted(self.subject.shared_device_ids)]
        return (*self.subject.needles.hints, *shared, b"\\u00")

    @property
    def is_parsed_anyway(self) -> bool:
        """Whether the person may be meant by what is a name only once it is hashed."""
        makes_pseudonyms = self.source.mapping != "native" and any(
            isinstance(expression, Pseudonym)
            for alternative in self.source.mapping
            for expression in alternative.fields.values()
        )
        has_pseudonyms = any(
            each.device_id.startswith(_KEYED) for each in self.subject.intervals
        )
        return makes_pseudonyms and has_pseudonyms

    def owns(self, record: Record) -> bool:
        """Tell whether a record is the person's, however malformed it is."""
        envelope = self._envelope(record)
        if envelope is None:
            return self.subject.needles.are_in(record.raw)
        user_id = _text(envelope.get("user_id"))
        device_id = _text(envelope.get("device_id"))
        at = None
        if user_id is None and device_id in self.subject.shared_device_ids:
            at = self._occurred_at(record, envelope)
        return self.subject.owns(user_id, device_id, at)

    def _envelope(self, record: Record) -> dict[str, object] | None:
        if not isinstance(record.value, dict):
            return None
        try:
            return self._prepare(record.value) if self._prepare else record.value
        except (RejectedError, ValueError, TypeError, OverflowError):
            return None

    def _occurred_at(
        self, record: Record, envelope: dict[str, object]
    ) -> datetime | None:
        """Return when it occurred by corrected clocks, or else by what it says."""
        if self._normalizer is None:
            self._normalizer = self._make_normalizer(self._arrived_at)
        rows = self._normalizer.normalize([record]).rows
        if rows:
            return from_micros(rows[0].occurred_at)
        said = envelope.get("occurred_at")
        try:
            at = (
                said
                if isinstance(said, datetime)
                else datetime.fromisoformat(str(said))
            )
        except ValueError:
            return None
        return at if at.tzinfo else at.replace(tzinfo=UTC)


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value)
