"""How many operational facts an event tells of, against what was sent of them."""

from collections import Counter

import polars as pl

from tests.end_to_end.comparing import assert_equal, nonzero

NEW = ("registration", "captured")


def check_capture(story):
    """Facts and captured facts by day.

    Bookings by telephone have no event, nor do accounts that are older than the world.
    """
    sent = story.truth("conversions").filter("is_counted")
    joined = sent.filter(event_name="user_registered")
    joined = joined.with_columns(pl.col("unit").str.strip_prefix("user:"))
    bookings = story.truth("bookings").filter(~pl.col("is_deleted"), ~pl.col("is_test"))
    orders = story.truth("orders").filter(~pl.col("is_test"))
    accounts = story.truth("accounts").filter(~pl.col("is_test"))
    expected = Counter()
    for fact, frame, key, at, events, name in (
        ("booking", bookings, "booking_id", "requested_at", sent, "booking_id"),
        ("order", orders, "order_id", "purchased_at", sent, "order_id"),
        ("registration", accounts, "user_id", "registered_at", joined, "unit"),
    ):
        seen = {row[name]: row["occurred_at"].date() for row in named(events, name)}
        for row in frame.iter_rows(named=True):
            day = row[at].date()
            expected[fact, day, "all"] += 1
            told = seen.get(row[key])
            if told and abs((told - day).days) <= 1:
                expected[fact, day, "captured"] += 1
    rows = story.house.rows(
        "select fact, day, sum(fact_count), sum(captured_count) "
        "from published.capture_rate_daily group by 1, 2"
    )
    found = {(row[0], row[1], "all"): int(row[2]) for row in rows}
    found |= {(row[0], row[1], "captured"): int(row[3]) for row in rows}
    assert sum(expected.values()) > 100
    assert sum(n for key, n in expected.items() if key[::2] == NEW) >= 10
    assert_equal(nonzero(found), nonzero(expected))
    first = story.house.rows("select min(occurred_on) from raw.events")[0][0]
    rates = story.house.rows(
        "select day, capture_rate from published.capture_rate_daily"
    )
    assert all((rate is None) == (day < first) for day, rate in rates)
    assert min(rates)[0] < first


def named(sent, key):
    return sent.filter(pl.col(key).is_not_null()).iter_rows(named=True)
