"""What the app recorded, as the warehouse counts it, against the world's truth."""

from collections import Counter

import polars as pl

from tests.end_to_end.comparing import assert_equal, metrics, of


def check_money(story):
    """Revenue and refunds by currency and the day that money moved; no strays."""
    moved = story.truth("money_daily").filter(~pl.col("is_test"))
    assert (moved["kind"] == "stray_paid").any()
    assert_equal(money(story), money_of_truth(moved))


def money_of_truth(moved):
    """Return amounts by day, metric and currency; a refund on its own day."""
    expected = Counter()
    kinds = {
        "booking_paid": ("revenue", 1),
        "order_paid": ("revenue", 1),
        "booking_refunded": ("refunds", -1),
        "order_refunded": ("refunds", -1),
    }
    for row in moved.iter_rows(named=True):
        if row["kind"] in kinds:
            metric, sign = kinds[row["kind"]]
            for name in (metric, "net_revenue"):
                key = (row["day"], name, row["currency"])
                expected[key] += sign * row["amount_minor"]
    return dict(expected)


def money(story):
    """Return amounts by day, metric and currency, as readers see them."""
    return {
        (day, metric, value): int(numerator)
        for (day, metric, dimension, value), (numerator, _) in metrics(story).items()
        if dimension == "currency"
    }


def check_bookings(story):
    """Requests, acceptances and completions by their days, deleted ones forgotten."""
    bookings = story.truth("bookings").filter(~pl.col("is_deleted"), ~pl.col("is_test"))
    first = story.world.start_on
    requested = bookings.group_by(pl.col("requested_at").dt.date()).len()
    found = metrics(story)
    assert_equal(of(found, "booking_requests"), dict(requested.iter_rows()))
    accepted = bookings.filter(
        ~pl.col("state").is_in(["requested", "declined", "expired"])
    )
    accepted = accepted.group_by(pl.col("decided_at").dt.date()).len()
    assert_equal(of(found, "accepted_bookings"), dict(accepted.iter_rows()))
    completed = bookings.filter(pl.col("state") == "completed")
    completed = completed.group_by(pl.col("ended_at").dt.date()).len()
    assert_equal(of(found, "completed_bookings"), dict(completed.iter_rows()))
    joined = story.truth("funnel_persons")
    joined = joined.group_by(pl.col("registered_at").dt.date()).len()
    new = {day: n for day, n in of(found, "new_users").items() if day >= first}
    assert_equal(new, dict(joined.iter_rows()))
