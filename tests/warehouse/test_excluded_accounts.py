"""What accounts of own people and tests do is left out, once they are flagged."""

import random

from orchestration.privacy.app_erasure import erase_app_rows
from orchestration.privacy.places import read_places
from orchestration.privacy.subjects import Subject
from tests.warehouse.histories import Event, at, build, load, table_rows
from tests.warehouse.reference_metrics import (
    App,
    Booking,
    Payment,
    Person,
    Refund,
)
from tests.warehouse.test_models_metrics import (
    MODELS,
    assert_metrics_match,
    history,
    load_app,
)

TABLES = (
    "marts.days",
    "marts.metrics_daily",
    "marts.person_days",
    "marts.sessions",
    "intermediate.int_events_matched",
)
SELECT = (*MODELS, "+int_events_matched")


def app_with(**exclusions):
    """An app in which everybody books and pays, and some accounts are flagged."""
    return App(
        persons=[
            Person(f"u{who}", exclusions.get(f"u{who}"), at(days=who))
            for who in range(5)
        ],
        bookings=[Booking(f"b{who}", f"u{who}", at(days=1)) for who in range(5)],
        payments=[
            Payment(f"p{who}", "captured", 100 + who, "EUR", at(days=who), f"b{who}")
            for who in range(5)
        ],
        refunds=[Refund("r1", 40, "EUR", at(days=6), "p1")],
    )


def flag(connection, app):
    """Write new versions of the accounts, which touch nothing but their own day."""
    load_app(connection, App(persons=app.persons))


def test_every_mart_follows_a_flag_that_comes_and_goes(database, connection):
    events = history(random.Random(0))
    app = app_with(u1="test")
    load(connection, events[:100])
    load_app(connection, app)
    build(connection, url=database, select=SELECT)
    assert_metrics_match(connection, events[:100], app)
    for app, batch in (
        (app_with(u1="test", u3="internal"), events[100:]),
        (app_with(u1="internal"), []),
        (app_with(), []),
    ):
        load(connection, batch)
        flag(connection, app)
        build(connection, url=database, select=SELECT)
        assert_metrics_match(connection, events, app)
        incremental = [table_rows(connection, table) for table in TABLES]
        build(connection, url=database, select=SELECT, is_full=True)
        assert [table_rows(connection, table) for table in TABLES] == incremental


def test_anonymous_events_of_a_flagged_account_make_nobody_active(database, connection):
    load(
        connection,
        [
            Event("before", at(), device_id="d1"),
            Event("after", at(minutes=5), device_id="d1", user_id="u1"),
            Event("other", at(), device_id="d2"),
        ],
    )
    build(connection, url=database, select=MODELS)
    count = "select count(*) from marts.person_days where is_active"
    assert connection.execute(count).fetchone() == (2,)
    flag(connection, App(persons=[Person("u1", "internal", at(days=-9))]))
    build(connection, url=database, select=MODELS)
    assert connection.execute(count).fetchone() == (1,)


def test_money_of_an_erased_test_account_does_not_come_back(database, connection):
    app = app_with(u1="test")
    load(connection, [Event("one", at(), user_id="u2")])
    load_app(connection, app)
    build(connection, url=database, select=MODELS)
    money = (
        "select day, metric_id, value from marts.metrics_daily "
        "where dimension = 'currency' order by 1, 2"
    )
    before = connection.execute(money).fetchall()
    connection.execute(
        "insert into privacy.erasures (subject_hash, reason) values ('', 'asked')"
    )
    connection.execute(
        "insert into privacy.suppressions "
        "(kind, identifier_hash, erasure_id, replacement_id) "
        "values ('user', '', 1, 'erased_1')"
    )
    subject = Subject(erasure_id=1, user_id="u1", replacement_id="erased_1")
    erase_app_rows(connection, subject, places=read_places(), timezone="UTC")
    build(connection, url=database, select=MODELS)
    assert before
    assert connection.execute(money).fetchall() == before
    accounts = "select user_id, exclusion from identity.excluded_accounts"
    assert connection.execute(accounts).fetchall() == [("erased_1", "test")]


def test_an_account_that_stays_as_it_is_touches_nothing(database, connection):
    load(connection, [Event("one", at(), user_id="u1")])
    flag(connection, App(persons=[Person("u1", "test", at())]))
    build(connection, url=database, select=MODELS)
    flag(connection, App(persons=[Person("u1", "test", at())]))
    build(connection, url=database, select=MODELS)
    touches = connection.execute(
        "select count(*) from ops.loads where source = 'accounts'"
    ).fetchone()
    assert touches == (1,)
