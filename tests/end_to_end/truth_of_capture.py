"""How many bookings and orders an event tells of, against what was sent of them."""

from collections import Counter

import polars as pl

from tests.end_to_end.comparing import assert_equal, nonzero


def check_capture(story):
    """Facts and captured facts by day; bookings by telephone have no event."""
    sent = story.truth("conversions").filter("is_counted")
    bookings = story.truth("bookings").filter(~pl.col("is_deleted"), ~pl.col("is_test"))
    orders = story.truth("orders").filter(~pl.col("is_test"))
    expected = Counter()
    for fact, frame, key, at in (
        ("booking", bookings, "booking_id", "requested_at"),
        ("order", orders, "order_id", "purchased_at"),
    ):
        seen = {row[key]: row["occurred_at"].date() for row in named(sent, key)}
        for row in frame.iter_rows(named=True):
            day = row[at].date()
            expected[fact, day, "all"] += 1
            told = seen.get(row[key])
            if told and abs((told - day).days) <= 1:
                expected[fact, day, "captured"] += 1
    rows = story.house.rows(
        "select fact, day, sum(fact_count), sum(captured_count) "
        "from published.capture_rate_daily where fact <> 'registration' group by 1, 2"
    )
    found = {(row[0], row[1], "all"): int(row[2]) for row in rows}
    found |= {(row[0], row[1], "captured"): int(row[3]) for row in rows}
    assert sum(expected.values()) > 100
    assert_equal(nonzero(found), nonzero(expected))


def named(sent, key):
    return sent.filter(pl.col(key).is_not_null()).iter_rows(named=True)
