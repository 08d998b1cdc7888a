"""The overview metrics equal a count by hand, and late rows change them everywhere."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    remove,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.reference_metrics import (
    App,
    Booking,
    Payment,
    Refund,
    metric_rows,
)

MODELS = ("+metrics_daily", "+dashboard_overview")
TABLES = ("marts.days", "marts.metrics_daily", "marts.dashboard_overview")
NAMES = (
    "page_view",
    "page_view",
    "click",
    "conversion",
    "error_occurred",
    "chat_started",
    "booking_attempt",
    "notification_sent",
)


def history(chance, count=150):
    """Events of eight devices over five days, with a gap of one day between."""
    made = []
    for index in range(count):
        name = chance.choice(NAMES)
        device = chance.randrange(8)
        day = chance.choice([0, 1, 3, 4])
        made.append(
            Event(
                event_id=f"e{index}",
                occurred_at=at(days=day, seconds=chance.randrange(86_400)),
                event_name=name,
                device_id=f"d{device}",
                user_id=chance.choice([None, f"u{device % 5}"]),
                client_session_id=chance.choice([None, "c1", "c2"]),
                page_url=f"https://a.example/{chance.randrange(3)}",
                page_path=f"/{chance.randrange(4)}",
                is_interactive=name != "notification_sent",
                is_bot=device == 0,
                is_test=device == 1,
            )
        )
    return made


APP = App(
    bookings=[
        Booking("b1", "u1", at(days=1)),
        Booking("b2", "u9", at(days=5, hours=3), "USD"),
    ],
    payments=[
        Payment("p1", "captured", 1_000, "EUR", at(days=1)),
        Payment("p2", "captured", 500, "USD", at(days=1), "b2"),
        Payment("p3", "failed", 700, "EUR", at(days=1)),
        Payment("p4", "captured", 300, "EUR", at(days=1, hours=23)),
        # No sum has what belongs to no order, or is not in its order's currency.
        Payment("p5", "captured", 7_000, "EUR", at(days=2), None),
        Payment("p6", "captured", 7_000, "EUR", at(days=2), "b3"),
        Payment("p7", "captured", 7_000, "EUR", at(days=2), "b2"),
    ],
    # The second refund is the last thing that happens at all.
    refunds=[
        Refund("r1", 400, "EUR", at(days=3)),
        Refund("r2", 100, "EUR", at(days=7)),
        Refund("r3", 70, "EUR", at(days=2), "p5"),
    ],
)


def load_app(connection, app):
    """Store the app's rows as an extract does, with the days they touch."""
    with connection.transaction():
        (load_id,) = connection.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values ('extract', 'app', now()) returning load_id"
        ).fetchone()
        rest = {
            "row_hash": b"",
            "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
            "load_id": load_id,
        }
        moments = set()
        for person in app.persons:
            write_person(connection, person, load_id)
            moments.add((person.registered_at, "app:persons"))
        for table, rows, others in (
            ("app_bookings", app.bookings, {"state": "requested"}),
            ("app_payments", app.payments, {"created_at": at()}),
            ("app_refunds", app.refunds, {}),
        ):
            for row in rows:
                values = row._asdict() | others | rest
                connection.execute(
                    f"insert into raw.{table} ({', '.join(values)}) "
                    f"values ({', '.join(['%s'] * len(values))})",
                    list(values.values()),
                )
                moments |= {
                    (item, table.replace("app_", "app:"))
                    for item in row
                    if isinstance(item, datetime)
                }
        connection.cursor().executemany(
            "insert into ops.touched_days (load_id, occurred_on, event_name, row_count)"
            " values (%s, %s, %s, 1)",
            [(load_id, moment.date(), name) for moment, name in moments if moment],
        )


def write_person(connection, person, load_id):
    """Begin a version of an account that ends the one before."""
    (now,) = connection.execute(
        "update raw.app_persons set valid_to = valid_from + interval '1 s' "
        "where user_id = %s and valid_to is null returning valid_to",
        (person.user_id,),
    ).fetchone() or (datetime(2026, 1, 1, tzinfo=UTC),)
    connection.execute(
        "insert into raw.app_persons (user_id, role, is_internal, is_test, "
        "registered_at, row_hash, valid_from, load_id) "
        "values (%s, 'customer', %s, %s, %s, '', %s, %s)",
        (
            person.user_id,
            person.exclusion == "internal",
            person.exclusion == "test",
            person.registered_at,
            now,
            load_id,
        ),
    )


def assert_metrics_match(connection, events, app):
    rows = connection.execute(
        "select day, metric_id, dimension, dimension_value, numerator, denominator, "
        "value from marts.metrics_daily"
    ).fetchall()
    connection.commit()
    found = {row[:4]: (row[4], row[5]) for row in rows}
    assert len(found) == len(rows)
    assert found == metric_rows(events, app)
    for *_, numerator, denominator, value in rows:
        if denominator is None:
            assert value == numerator
        elif denominator == 0:
            assert value is None
        else:
            assert value == pytest.approx(numerator / denominator, abs=Decimal("1e-12"))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_metrics_equal_brute_force_after_every_late_batch_and_a_full_refresh(
    seed, database, connection
):
    chance = random.Random(seed)
    events = history(chance)
    arrived, app = [], App()
    for index, batch in enumerate(shuffled_batches(events, count=3, chance=chance)):
        load(connection, batch)
        arrived += batch
        if index == 1:
            load_app(connection, APP)
            app = APP
        build(connection, url=database, select=MODELS)
        assert_metrics_match(connection, arrived, app)

    gone = [event for event in events if event.occurred_on == at(days=3).date()]
    remove(connection, gone)
    build(connection, url=database, select=MODELS)
    assert_metrics_match(connection, [e for e in events if e not in gone], app)

    incremental = [table_rows(connection, table) for table in TABLES]
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in TABLES] == incremental


def test_the_overview_tile_repeats_the_metrics(database, connection):
    events = history(random.Random(5))
    load(connection, events)
    load_app(connection, APP)
    build(connection, url=database, select=MODELS)
    metrics = metric_rows(events, APP)
    rows = connection.execute("select * from marts.dashboard_overview").fetchall()
    assert len(rows) == 8
    for row in rows:
        day, users, bookings, chats, error_percent, top_pages, *more = row
        joined, sessions_of_day, engagement, revenue = more
        assert joined == metrics[day, "new_users", "all", "all"][0]
        assert sessions_of_day == metrics[day, "sessions", "all", "all"][0]
        engaged, whole = metrics[day, "engagement_rate", "all", "all"]
        assert engagement == (round(engaged / whole, 12) if whole else None)
        assert revenue == {
            key[3]: value
            for key, (value, _) in metrics.items()
            if key[:2] == (day, "revenue")
        }
        errors, sessions = metrics[day, "error_rate", "all", "all"]
        assert users == metrics[day, "active_users", "all", "all"][0]
        assert bookings == metrics[day, "booking_requests", "all", "all"][0]
        assert chats == metrics[day, "chat_sessions", "all", "all"][0]
        assert error_percent == (
            round(100 * errors / sessions, 6) if sessions else None
        )
        views = sum(page["views"] for page in top_pages)
        assert views == metrics[day, "page_views", "all", "all"][0]


def test_the_tail_of_the_pages_is_folded_into_one_row(database, connection):
    load(
        connection,
        [
            Event(f"e{page}-{view}", at(minutes=view), page_path=f"/{page:02}")
            for page in range(60)
            for view in range(2 if page < 50 else 1)
        ],
    )
    build(connection, url=database, select=MODELS)
    rows = connection.execute(
        "select dimension_value, value from marts.metrics_daily "
        "where metric_id = 'page_views' and dimension = 'page_path'"
    ).fetchall()
    assert len(rows) == 51
    assert dict(rows)["(other)"] == 10
    assert sum(value for _, value in rows) == 110


def test_a_build_without_news_changes_nothing(database, connection):
    load(connection, history(random.Random(7)))
    build(connection, url=database, select=MODELS)
    before = [table_rows(connection, f"{table}") for table in TABLES]
    quiet = build(connection, url=database, select=MODELS)
    assert [table_rows(connection, table) for table in TABLES] == before
    (count,) = connection.execute(
        "select count(*) from ops.changed where build_id = %s", (quiet,)
    ).fetchone()
    assert count == 0


def test_only_days_that_really_changed_reach_the_children(database, connection):
    load(connection, history(random.Random(8)))
    build(connection, url=database, select=MODELS)
    late = Event("late", at(days=3, hours=1), device_id="d77")
    load(connection, [late])
    latest = build(connection, url=database, select=MODELS)
    changed = connection.execute(
        "select distinct day from ops.changed "
        "where build_id = %s and model = 'metrics_daily'",
        (latest,),
    ).fetchall()
    assert changed == [(late.occurred_on,)]


def test_a_session_that_moves_to_an_earlier_day_changes_both_days(database, connection):
    load(connection, [Event("a", at(days=1, minutes=5))])
    build(connection, url=database, select=MODELS)
    load(connection, [Event("b", at(days=1) - timedelta(minutes=5))])
    build(connection, url=database, select=MODELS)
    rows = connection.execute(
        "select day, value from marts.metrics_daily where metric_id = 'sessions' "
        "order by day"
    ).fetchall()
    assert rows == [(at().date(), 1), (at(days=1).date(), 0)]
