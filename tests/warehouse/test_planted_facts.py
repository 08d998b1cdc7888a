"""Facts that the source documents name, planted one by one and found in the marts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestration.transform.touch import touch_days
from tests.warehouse.histories import Event, at, build, load, table_rows

BERLIN = ZoneInfo("Europe/Berlin")
TABLES = (
    "intermediate.int_person_events_counted",
    "marts.sessions",
    "marts.person_days",
    "marts.metrics_daily",
    "marts.dashboard_overview",
)


def metric(connection, metric_id):
    """Return the values of a metric by day, without the days on which it is 0."""
    rows = connection.execute(
        "select day, sum(value)::bigint from marts.metrics_daily "
        "where metric_id = %s and dimension in ('all', 'currency') and value <> 0 "
        "group by day",
        (metric_id,),
    ).fetchall()
    return dict(rows)


def test_the_persons_of_any_range_are_counted_once(database, connection):
    events = [
        Event(f"{device}-{day}", at(days=day), device_id=f"d{device}")
        for device in range(1, 6)
        for day in range(0, 12, device)
    ]
    load(connection, events)
    build(connection, url=database, select=["+person_days"])
    for first, last in ((0, 0), (1, 1), (0, 3), (1, 5), (5, 11), (0, 11)):
        found = connection.execute(
            "select count(distinct person_id) from marts.person_days "
            "where is_active and day between %s and %s",
            (at(days=first).date(), at(days=last).date()),
        ).fetchone()
        expected = {
            event.device_id
            for event in events
            if at(days=first) <= event.occurred_at <= at(days=last)
        }
        assert found == (len(expected),)


def test_a_client_session_that_is_never_renewed_is_many_sessions(database, connection):
    load(
        connection,
        [
            Event(f"e{day}-{view}", at(days=day, minutes=view), client_session_id="s-1")
            for day in range(10)
            for view in range(3)
        ],
    )
    build(connection, url=database, select=["+metrics_daily"])
    assert sum(metric(connection, "sessions").values()) == 10


def test_a_view_that_fires_twice_is_one_view_of_two_raw_rows(database, connection):
    page = {"page_url": "https://a.example/", "page_path": "/"}
    load(
        connection,
        [
            Event("first", at(), **page),
            Event("again", at(seconds=1), **page),
            Event("later", at(seconds=2, microseconds=1), **page),
            Event("other", at(seconds=1), page_url="https://a.example/b"),
        ],
    )
    build(connection, url=database, select=["+metrics_daily"])
    assert metric(connection, "page_views") == {at().date(): 3}
    assert metric(connection, "double_views") == {at().date(): 1}
    assert connection.execute("select count(*) from raw.events").fetchone() == (4,)


HAPPENED = {
    "app_bookings": {
        "booking_id": "b1",
        "user_id": "u1",
        "state": "requested",
        "currency": "EUR",
        "requested_at": at(),
    },
    "app_payments": {
        "payment_id": "p1",
        "booking_id": "b1",
        "state": "captured",
        "amount_minor": 1_000,
        "currency": "EUR",
        "paid_at": at(),
        "created_at": at(),
    },
    "app_booking_states": {
        "booking_state_id": "s1",
        "booking_id": "b1",
        "state": "accepted",
        "entered_at": at(days=1),
    },
    "app_reviews": {
        "review_id": "r1",
        "provider_id": "t1",
        "user_id": "u1",
        "rating": 5,
        "created_at": at(days=2),
    },
    "app_persons": {
        "user_id": "u2",
        "role": "customer",
        "is_internal": False,
        "is_test": False,
        "registered_at": at(days=3),
    },
}


def extract(connection, table, row):
    """Store a row of the app as an extract does, with the day it touches."""
    (load_id,) = connection.execute(
        "insert into ops.loads (kind, source, started_at) "
        "values ('extract', 'app', now()) returning load_id"
    ).fetchone()
    values = {**row, "row_hash": b"", "valid_from": at(), "load_id": load_id}
    connection.execute(
        f"insert into raw.{table} ({', '.join(values)}) "
        f"values ({', '.join(['%s'] * len(values))})",
        list(values.values()),
    )
    moment = max(value for value in row.values() if isinstance(value, datetime))
    connection.execute(
        "insert into ops.touched_days (load_id, occurred_on, event_name, row_count) "
        "values (%s, %s, %s, 1)",
        (load_id, moment.date(), table.replace("app_", "app:")),
    )


def test_payment_status_review_and_registration_appear_in_the_next_build(
    database, connection
):
    load(connection, [Event(f"e{number}", at(days=number)) for number in range(5)])
    build(connection, url=database, select=["+metrics_daily"])
    for table, row in HAPPENED.items():
        extract(connection, table, row)
    build(connection, url=database, select=["+metrics_daily"])
    assert metric(connection, "revenue") == {at().date(): 1_000}
    assert metric(connection, "accepted_bookings") == {at(days=1).date(): 1}
    assert metric(connection, "active_users")[at(days=2).date()] == 2
    assert metric(connection, "new_users") == {at(days=3).date(): 1}


def test_a_booking_that_was_served_is_not_one_that_was_accepted(database, connection):
    load(connection, [Event("a", at(days=1), "booking_completed"), Event("b", at())])
    states = HAPPENED["app_booking_states"]
    extract(connection, "app_booking_states", states)
    served = {"booking_state_id": "s2", "state": "completed", "entered_at": at(days=2)}
    extract(connection, "app_booking_states", {**states, **served})
    build(connection, url=database, select=["+metrics_daily"])
    assert metric(connection, "accepted_bookings") == {at(days=1).date(): 1}
    assert metric(connection, "completed_bookings") == {at(days=2).date(): 1}


def test_a_backfill_gives_the_rows_of_the_incremental_builds(database, connection):
    for first in (15, 0):
        events = [Event(f"e{n}", at(hours=7 * n)) for n in range(first, first + 15)]
        load(connection, events)
        build(connection, url=database, select=["+dashboard_overview"])
    before = [table_rows(connection, table) for table in TABLES]
    with connection.transaction():
        # Under models whose parents did not change: only the touch says that they did.
        connection.execute("update marts.sessions set view_count = view_count + 1")
        connection.execute("update marts.person_days set view_count = 0")
        connection.execute("delete from marts.metrics_daily where metric_id = 'events'")
        connection.execute("update marts.dashboard_overview set booking_count = 7")
    touch_days(
        connection,
        first_day=at().date(),
        last_day=at(days=8).date(),
        reason="somebody edited the marts",
    )
    build(connection, url=database, select=["+dashboard_overview"])
    assert [table_rows(connection, table) for table in TABLES] == before


@dataclass(frozen=True)
class BerlinEvent(Event):
    """An event whose day is one of Berlin, as a load there would say."""

    @property
    def occurred_on(self) -> date:
        return self.occurred_at.astimezone(BERLIN).date()


@pytest.mark.parametrize(
    ("changing", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)]
)
def test_a_day_on_which_clocks_change_is_rolled_up_once(
    changing, hours, database, connection, monkeypatch
):
    monkeypatch.setenv("DAYBOOK_TIMEZONE", "Europe/Berlin")
    midnight = datetime(changing.year, changing.month, changing.day, tzinfo=BERLIN)
    first = midnight.astimezone(UTC) - timedelta(hours=24)
    load(
        connection,
        [BerlinEvent(f"e{n}", first + timedelta(hours=n)) for n in range(48 + hours)],
    )
    build(connection, url=database, select=["+dashboard_overview"])
    assert list(metric(connection, "events").values()) == [24, hours, 24]
    lengths = connection.execute(
        "select period_ends_at - period_starts_at from marts.days order by day"
    ).fetchall()
    assert lengths == [(timedelta(hours=length),) for length in (24, hours, 24)]
