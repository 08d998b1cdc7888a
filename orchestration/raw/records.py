"""What passes from reading through normalising to loading."""

from dataclasses import dataclass, field
from typing import NamedTuple

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


class Record(NamedTuple):
    """One record of a landing file, decoded or with the reason why not."""

    line: int
    offset: int
    raw: bytes
    value: dict[str, object] | None
    problem: str | None


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

    `rows` holds tuples in the order of EVENT_COLUMNS; `lines` and `raws` are the
    line and the raw record of each row, kept for conflicts found while loading.
    """

    rows: list[tuple] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    record_count: int = 0
    not_consented_count: int = 0
    suppressed_count: int = 0
