"""The columns that predicates may name, and their types.

A name that is not here cannot reach SQL. Tests hold this against the tables.
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal[
    "text", "integer", "numeric", "boolean", "date", "timestamptz", "text[]"
]


@dataclass(frozen=True)
class Column:
    """A column that predicates may name."""

    type: ColumnType
    is_nullable: bool = True


@dataclass(frozen=True)
class Relation:
    """What a predicate is about, and the column that holds free properties, if any."""

    name: str
    columns: dict[str, Column]
    properties: str | None = None


def _nullable(type_: ColumnType, *names: str) -> dict[str, Column]:
    return {name: Column(type_) for name in names}


def _given(type_: ColumnType, *names: str) -> dict[str, Column]:
    return {name: Column(type_, is_nullable=False) for name in names}


EVENTS = Relation(
    name="raw.events",
    columns={
        **_given("text", "source", "event_name", "lateness"),
        **_given("date", "occurred_on"),
        **_given("timestamptz", "occurred_at"),
        **_given("boolean", "is_interactive", "is_bot", "is_internal", "is_test"),
        **_given("text[]", "purposes"),
        **_nullable("text", "page_url", "page_path", "referrer"),
        **_nullable("text", "utm_source", "utm_medium", "utm_campaign"),
        **_nullable("text", "utm_term", "utm_content"),
        **_nullable("text", "occasion_id", "listing_id", "provider_id"),
        **_nullable("text", "booking_id", "order_id", "currency"),
        **_nullable("integer", "value_minor", "duration_ms", "status_code"),
        **_nullable("text", "platform", "device_class", "browser_family"),
        **_nullable("text", "region", "locale", "app_version"),
    },
    properties="properties",
)

# Operational facts that definitions may name like events; the models date them.
FACTS = (
    "app.booking_accepted",
    "app.booking_cancelled",
    "app.booking_completed",
    "app.booking_paid",
    "app.booking_refunded",
    "app.booking_requested",
    "app.review_written",
    "app.ticket_issued",
    "app.user_registered",
)

# Over how many days ending with the day, and what, segments can ask to be counted.
PERSON_WINDOWS = (7, 28, 90)
PERSON_COUNTS = (
    "active_day_count",
    "event_count",
    "interactive_event_count",
    "view_count",
    "interaction_count",
    "conversion_count",
    "error_count",
    "operation_count",
    "booking_count",
)

# What segments can ask of a person, as of a day: traits as they were then, and counts.
# The segments package makes these columns.
PERSON_FACTS = Relation(
    name="person facts",
    columns={
        **_given("text", "person_id"),
        **_given("boolean", "is_anonymous"),
        **_nullable("text", "role", "region", "locale", "acquisition_channel"),
        **_nullable("date", "registered_on", "last_active_on_90d"),
        **{
            f"{counted}_{days}d": Column("integer", is_nullable=False)
            for counted in PERSON_COUNTS
            for days in PERSON_WINDOWS
        },
    },
)
