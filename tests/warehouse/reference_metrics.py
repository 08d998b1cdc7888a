"""The overview metrics, counted from raw events and app rows without SQL."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from tests.warehouse.histories import Event
from tests.warehouse.reference_sessions import (
    double_views,
    person_day_rows,
    session_rows,
)


class Person(NamedTuple):
    """An account of the app; `exclusion` is internal or test where it is flagged."""

    user_id: str
    exclusion: str | None
    registered_at: datetime


class Booking(NamedTuple):
    """A booking of the app."""

    booking_id: str
    user_id: str
    requested_at: datetime
    currency: str = "EUR"


class Payment(NamedTuple):
    """A payment of the app."""

    payment_id: str
    state: str
    amount_minor: int
    currency: str
    paid_at: datetime | None
    booking_id: str | None = "b1"


class Refund(NamedTuple):
    """A refund of the app."""

    refund_id: str
    amount_minor: int
    currency: str
    refunded_at: datetime
    payment_id: str = "p1"


class App(NamedTuple):
    """What the operational database says."""

    bookings: Sequence[Booking] = ()
    payments: Sequence[Payment] = ()
    refunds: Sequence[Refund] = ()
    persons: Sequence[Person] = ()

    @property
    def exclusions(self) -> dict[str, str]:
        """Return why flagged accounts are left out."""
        return {item.user_id: item.exclusion for item in self.persons if item.exclusion}

    @property
    def charged(self) -> dict[str, tuple[Payment, Booking]]:
        """Return what was paid for an order in its currency: all that is summed."""
        orders = {item.booking_id: item for item in self.bookings}
        return {
            item.payment_id: (item, orders[item.booking_id])
            for item in self.payments
            if item.state == "captured"
            and item.booking_id in orders
            and item.currency == orders[item.booking_id].currency
        }

    @property
    def returned(self) -> list[tuple[Refund, Booking]]:
        """Return what was paid back of that."""
        return [
            (item, self.charged[item.payment_id][1])
            for item in self.refunds
            if item.payment_id in self.charged
        ]


Key = tuple[date, str, str, str]
Numbers = tuple[Decimal, Decimal | None]


def metric_rows(events: Sequence[Event], app: App) -> dict[Key, Numbers]:
    """Return numerator and denominator of every metric, day and dimension."""
    found: dict[Key, Numbers] = {}
    flagged = [_flagged(event, app) for event in events]
    for day in calendar(events, app):
        metrics = whole_metrics(day, flagged, app) | _active_users(day, events, app)
        for metric_id, numbers in metrics.items():
            found[day, metric_id, "all", "all"] = numbers
    for (day, metric_id, dimension, value), count in split_counts(flagged, app).items():
        found[day, metric_id, dimension, value] = (Decimal(count), None)
    return found


def _flagged(event: Event, app: App) -> Event:
    """Return the event with the flag of its account, if it has none of its own."""
    exclusion = app.exclusions.get(event.user_id or "")
    if exclusion is None or event.is_excluded:
        return event
    return replace(event, **{f"is_{exclusion}": True})


def calendar(events: Sequence[Event], app: App) -> list[date]:
    """Return every day from the first to the last of anything."""
    days = {event.occurred_on for event in events}
    days |= {booking.requested_at.date() for booking in app.bookings}
    days |= {refund.refunded_at.date() for refund in app.refunds}
    days |= {payment.paid_at.date() for payment in app.payments if payment.paid_at}
    if not days:
        return []
    span = (max(days) - min(days)).days
    return [min(days) + timedelta(days=index) for index in range(span + 1)]


def whole_metrics(day: date, events: Sequence[Event], app: App) -> dict[str, Numbers]:
    """Return the metrics of one day that are not split."""
    doubles = double_views(events)
    counted = [
        event for event in events if event.occurred_on == day and not event.is_excluded
    ]
    names = Counter(
        "double_view" if id(event) in doubles else event.event_name for event in counted
    )
    return {
        **_plain("events", len(counted)),
        **_plain("page_views", names["page_view"]),
        **_plain("double_views", names["double_view"]),
        **_plain("errors", names["error_occurred"]),
        **_plain("chat_sessions", names["chat_started"]),
        **_plain("booking_attempts", names["booking_attempt"]),
        **_plain("excluded_events", _count(_excluded(events, day))),
        **_plain("excluded_operations", _count(_left_out(app, day))),
        **_plain(
            "booking_requests",
            _count(
                item
                for item in app.bookings
                if item.requested_at.date() == day
                and item.user_id not in app.exclusions
            ),
        ),
        **_plain(
            "new_users",
            _count(
                item
                for item in app.persons
                if item.registered_at.date() == day and not item.exclusion
            ),
        ),
        **_plain("accepted_bookings", 0),
        **_plain("completed_bookings", 0),
        **_ratio(
            "errors_per_1000_views",
            1000 * names["error_occurred"],
            names["page_view"],
        ),
        **_session_metrics(
            [row for row in session_rows(events) if row["started_on"] == day]
        ),
    }


def _session_metrics(rows: Sequence[dict[str, object]]) -> dict[str, Numbers]:
    clients = Counter(
        (row["device_id"], row["client_session_id"])
        for row in rows
        if row["client_session_id"] is not None
    )
    disagreeing = [
        row
        for row in rows
        if row["client_session_count"] > 1
        or clients[row["device_id"], row["client_session_id"]] > 1
    ]
    with_client = [row for row in rows if row["client_session_count"] > 0]
    engaged = _count(row for row in rows if row["is_engaged"])
    single = _count(row for row in rows if row["is_single_page_bounce"])
    broken = _count(row for row in rows if row["error_count"] > 0)
    seconds = sum(Decimal(str(row["duration_seconds"])) for row in rows)
    return {
        **_plain("sessions", len(rows)),
        **_ratio("engagement_rate", engaged, len(rows)),
        **_ratio("bounce_rate", len(rows) - engaged, len(rows)),
        **_ratio("single_page_bounce_rate", single, len(rows)),
        **_ratio("error_rate", broken, len(rows)),
        **_ratio("average_session_seconds", seconds, len(rows)),
        **_ratio(
            "client_session_disagreement_rate", len(disagreeing), len(with_client)
        ),
    }


def _active_users(day: date, events: Sequence[Event], app: App) -> dict[str, Numbers]:
    people: dict[str, bool] = {}
    rows = person_day_rows(events, left_out=app.exclusions.keys())
    for (on, _), row in rows.items():
        if on == day and row["any_interactive"]:
            people[row["owner"] or row["device"]] = bool(row["owner"])
    for booking in app.bookings:
        if booking.requested_at.date() != day:
            continue
        if booking.user_id not in app.exclusions:
            people[booking.user_id] = True
    return {
        **_plain("active_users", len(people)),
        **_plain("active_identified_users", sum(people.values())),
    }


def split_counts(events: Sequence[Event], app: App) -> Counter[Key]:
    """Return the metrics that are split: exclusions, pages, money by currency."""
    found: Counter[Key] = Counter()
    doubles = double_views(events)
    for event in events:
        day = event.occurred_on
        for kind in ("bot", "internal", "test"):
            key = (day, "excluded_events", "exclusion", kind)
            found[key] += event.is_excluded and kind == _exclusion(event)
        is_view = event.event_name == "page_view" and id(event) not in doubles
        if is_view and not event.is_excluded:
            found[day, "page_views", "page_path", event.page_path or "(none)"] += 1
    for day in calendar(events, app):
        for exclusion in _left_out(app, day):
            found[day, "excluded_operations", "exclusion", exclusion] += 1
    for day, metric_id, currency, amount in _money(app):
        found[day, metric_id, "currency", currency] += amount
        found[day, "net_revenue", "currency", currency] += amount
    return found


def _money(app: App) -> Iterable[tuple[date, str, str, int]]:
    for payment, order in app.charged.values():
        if payment.paid_at and order.user_id not in app.exclusions:
            day = payment.paid_at.date()
            yield day, "revenue", payment.currency, payment.amount_minor
    for refund, order in app.returned:
        if order.user_id not in app.exclusions:
            day = refund.refunded_at.date()
            yield day, "refunds", refund.currency, -refund.amount_minor


def _left_out(app: App, day: date) -> Iterable[str]:
    """Yield why each record of a flagged account on the day is left out."""
    acts = [
        *((item.user_id, item.requested_at) for item in app.bookings),
        *((item.user_id, item.registered_at) for item in app.persons),
        *((order.user_id, item.refunded_at) for item, order in app.returned),
        *((order.user_id, item.paid_at) for item, order in app.charged.values()),
    ]
    for user_id, moment in acts:
        if moment and moment.date() == day and user_id in app.exclusions:
            yield app.exclusions[user_id]


def _exclusion(event: Event) -> str:
    return "bot" if event.is_bot else "internal" if event.is_internal else "test"


def _excluded(events: Sequence[Event], day: date) -> Iterable[Event]:
    return (item for item in events if item.is_excluded and item.occurred_on == day)


def _count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


def _plain(metric_id: str, count: int) -> dict[str, Numbers]:
    return {metric_id: (Decimal(count), None)}


def _ratio(metric_id: str, above: Decimal | int, below: int) -> dict[str, Numbers]:
    return {metric_id: (Decimal(above), Decimal(below))}
