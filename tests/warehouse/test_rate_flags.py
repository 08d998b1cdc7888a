"""Who sends more than is usual is flagged and counted; nobody is left out for it."""

import re
from datetime import timedelta

import pytest

from orchestration.quality.published_views import ensure_views, published_views
from tests.warehouse.definitions import define
from tests.warehouse.histories import Event, at, load

NINE = at(hours=9)
FLAGS = """
    select kind, subject, bucket_at, event_count, device_count, excluded_count
    from published.rate_flags order by kind, subject, bucket_at
"""


def burst(name, *, count, start=NINE, seconds=60, **said):
    """So many events of a device, evenly in so many seconds."""
    step = timedelta(seconds=seconds) / count
    return [
        Event(f"{name}-{number}", start + number * step, device_id=name, **said)
        for number in range(count)
    ]


@pytest.fixture
def flags(connection):
    ensure_views(connection, [v for v in published_views() if v.name == "rate_flags"])

    def asked():
        with connection.transaction():
            connection.execute("set local role bi_reader")
            rows = connection.execute(FLAGS).fetchall()
            connection.execute("set local role none")
            return rows

    return asked


def test_a_device_above_the_rate_is_flagged_and_one_at_it_is_not(connection, flags):
    events = [
        *burst("eager", count=101),
        *burst("usual", count=100),
        # Two hundred, and never more than a hundred in a quarter of an hour.
        *burst("steady", count=200, seconds=1800),
        *burst("robot", count=150, start=at(days=1), is_bot=True),
        *burst("secret", count=150, purposes=("marketing",)),
    ]
    load(connection, events)
    assert flags() == [
        ("device", "eager", NINE, 101, 1, 0),
        ("device", "robot", at(days=1), 150, 1, 150),
    ]
    kept = connection.execute("select count(*) from raw.events").fetchone()
    assert kept == (len(events),)


def test_many_behind_one_address_are_an_address_and_no_device(connection, flags):
    for pupil in range(5):
        load(connection, burst(f"p{pupil}", count=30, ip_truncated="203.0.113.0"))
    assert flags() == [("address", "203.0.113.0", NINE, 150, 5, 0)]
    # None of them is less counted for it.
    excluded = connection.execute(
        "select count(*) from raw.events where is_bot or is_internal or is_test"
    ).fetchone()
    assert excluded == (0,)


def test_the_registry_says_how_many_in_how_long(connection, flags):
    load(connection, burst("usual", count=60, seconds=3600))
    assert flags() == []
    rate = {"request_rate": {"events": 29, "minutes": 30}}
    define(connection, "defaults", "defaults", rate, ())
    assert [row[2:4] for row in flags()] == [
        (NINE, 30),
        (at(hours=9, minutes=30), 30),
    ]


def test_a_question_about_a_day_reads_that_day(connection, flags):
    for number in range(3):
        load(connection, burst(f"d{number}", count=101, start=at(days=number)))
    plan = connection.execute(
        "explain select * from published.rate_flags where day = date '2026-03-02'"
    ).fetchall()
    assert flags()
    read = set(re.findall(r"on (events_\w+)", "\n".join(row for (row,) in plan)))
    assert len(read) == 1
