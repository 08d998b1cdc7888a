"""What passes from reading through normalising to loading."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from msgspec import Struct

from orchestration.raw.envelope import Envelope
from orchestration.raw.row_columns import Rows

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

    rows: Rows = field(default_factory=Rows)
    lines: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    record_count: int = 0
    not_consented_count: int = 0
    suppressed_count: int = 0


def joined(batches: Sequence[Batch]) -> Batch:
    """Return what became of records that follow each other."""
    if len(batches) == 1:
        return batches[0]
    follow = chain.from_iterable
    return Batch(
        Rows.joined([batch.rows for batch in batches]),
        list(follow(batch.lines for batch in batches)),
        list(follow(batch.raws for batch in batches)),
        list(follow(batch.set_aside for batch in batches)),
        sum(batch.record_count for batch in batches),
        sum(batch.not_consented_count for batch in batches),
        sum(batch.suppressed_count for batch in batches),
    )
