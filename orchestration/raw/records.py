"""What passes from reading through normalising to loading."""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from orchestration.raw.envelope import Envelope

# All columns of raw.events in table order, except load_id, which the load adds.
EVENT_COLUMNS: tuple[str, ...] = (
    "event_key",
    "source",
    "event_id",
    "event_name",
    "occurred_on",
    "occurred_at",
    "received_at",
    "sent_at",
    "source_sequence",
    "device_id",
    "user_id",
    "client_session_id",
    "page_url",
    "page_path",
    "referrer",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "occasion_id",
    "listing_id",
    "provider_id",
    "booking_id",
    "order_id",
    "value_minor",
    "currency",
    "duration_ms",
    "status_code",
    "platform",
    "device_class",
    "browser_family",
    "browser_major",
    "ip_truncated",
    "region",
    "locale",
    "app_version",
    "is_interactive",
    "is_bot",
    "is_internal",
    "is_test",
    "has_violation",
    "is_clock_future",
    "lateness",
    "purposes",
    "payload_hash",
    "contract_version",
    "rule_version",
    "properties",
)


class Record(Struct, frozen=True, gc=False):
    """One record of a landing file, decoded or with the reason why not.

    The garbage collector does not follow it: walking a chunk of tuples took 1.5 µs for
    each of them.

    A line that is plainly an event in our own words is an envelope already.
    """

    line: int
    offset: int
    raw: bytes
    value: dict[str, object] | Envelope | None
    problem: str | None


class Row(Struct, gc=False):
    """A row of raw.events: what loading looks at, and the row as COPY takes it.

    Attributes
    ----------
    event_key : int or None
        None until the row has an identity; then `event_id` is a hash of its content,
        and `packed` lacks its beginning.
    id_hash : int
        The other half of the hash that the key is of.
    occurred_at, received_at, sent_at : int
        Microseconds since 1970.
    packed : bytes
        The columns of `packing.PACKED_COLUMNS`, without `load_id`.
    packed_key : bytes
        Its row of raw.event_keys, if no other event has the same key.
    """

    event_key: int | None
    id_hash: int
    event_id: str
    event_name: str
    occurred_on: date
    occurred_at: int
    received_at: int | None
    sent_at: int | None
    payload_hash: int
    device_id: str | None
    has_violation: bool
    contract_version: int
    is_too_late: bool
    packed: bytes
    packed_key: bytes


class SetAside(NamedTuple):
    """A record that was read and not accepted, with the reason and the place."""

    outcome: str
    reason: str
    pointer: str
    expected: str | None
    contract_version: int | None
    event_name: str | None
    event_id: str | None
    line: int
    offset: int
    raw: bytes


@dataclass
class Batch:
    """What a chunk of records became; every record is in exactly one place.

    `lines` and `raws` are the line and the raw record of each row, kept for conflicts
    found while loading.
    """

    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    record_count: int = 0
    not_consented_count: int = 0
    suppressed_count: int = 0

    def add(self, other: "Batch") -> None:
        """Add what became of the records that follow."""
        self.rows += other.rows
        self.lines += other.lines
        self.raws += other.raws
        self.set_aside += other.set_aside
        self.record_count += other.record_count
        self.not_consented_count += other.not_consented_count
        self.suppressed_count += other.suppressed_count
