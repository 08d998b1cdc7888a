"""Bookings, providers and their hours as readers see them, against the truth."""

from collections import Counter

import polars as pl

from tests.end_to_end.comparing import assert_equal, nonzero

TIMES = ("requested_at", "decided_at", "paid_at", "ended_at", "starts_at", "ends_at")


def check_resources(story):
    """How often resources were used, and by how many; hopeless clocks are of no day."""
    used = story.truth("resource_uses").filter("is_counted")
    expected = Counter(used.select("resource_id", "use").iter_rows())
    for resource, person in used.select("resource_id", "person").unique().iter_rows():
        expected[resource, "person"] += bool(person)
    rows = story.house.rows(
        "select resource_id, view_count, download_count, completion_count, "
        "person_count from published.resource_popularity "
        "where content_kind = 'resource'"
    )
    names = ("view", "download", "complete", "person")
    found = {
        (row[0], name): count
        for row in rows
        for name, count in zip(names, row[1:], strict=True)
    }
    assert len({use for _, use in expected}) == len(names)
    assert_equal(nonzero(found), dict(expected))


def check_booking_states(story):
    """Every booking in its state, with its times; the one that repeats itself apart."""
    bookings = story.truth("bookings").filter(~pl.col("is_deleted"))
    columns = ("state", *TIMES, "is_quarantined", "is_test")
    expected = {
        row["booking_id"]: tuple(row[name] for name in columns)
        for row in bookings.iter_rows(named=True)
    }
    rows = story.house.rows(
        f"select booking_id, state, {', '.join(TIMES)}, is_quarantined, "
        "exclusion is not null from published.bookings"
    )
    assert_equal({row[0]: row[1:] for row in rows}, expected)
    quarantined = bookings.filter("is_quarantined")["booking_id"]
    faults = story.house.rows("select booking_id, reason from published.booking_faults")
    assert dict(faults) == dict.fromkeys(quarantined, "illegal_transition")
    assert len(quarantined)


def check_providers(story):
    """What providers did, by day; bookings of tests and contradictions left out."""
    expected = Counter()
    bookings = story.truth("bookings").filter(
        ~pl.col("is_deleted"), ~pl.col("is_test"), ~pl.col("is_quarantined")
    )
    for row in bookings.iter_rows(named=True):
        for moment, name in _happened(row):
            expected[row["provider_id"], moment.date(), name] += 1
        if row["rating"] and int(row["booking_id"].removeprefix("bkg_")) % 50:
            key = (row["provider_id"], row["reviewed_at"].date())
            expected[*key, "rating_count"] += 1
            expected[*key, "rating_sum"] += row["rating"]
    names = sorted({name for *_, name in expected})
    rows = story.house.rows(
        f"select provider_id, day, {', '.join(names)} "
        "from published.provider_performance_daily"
    )
    found = {
        (provider, day, name): count
        for provider, day, *counts in rows
        for name, count in zip(names, counts, strict=True)
        if count
    }
    assert_equal(found, expected)


def _happened(row):
    """Yield when and what was done to a booking."""
    yield row["requested_at"], "requested_count"
    if row["decided_at"]:
        refused = row["state"] in {"declined", "expired"}
        yield row["decided_at"], f"{row['state'] if refused else 'accepted'}_count"
    if row["ended_at"]:
        yield row["ended_at"], f"{row['state']}_count"


def check_utilisation(story):
    """Hours available and booked over the days of the world, to the second."""
    names = ("available", "booked", "double_booked", "outside")
    expected = {
        row["provider_id"]: tuple(row[f"{name}_seconds"] for name in names)
        for row in story.truth("utilisation").iter_rows(named=True)
        if row["available_seconds"] or row["booked_seconds"]
    }
    sums = ", ".join(f"sum({name}_seconds)" for name in names)
    rows = story.house.rows(
        f"select provider_id, {sums} from published.utilisation_daily "
        f"where day >= '{story.world.start_on}' group by provider_id"
    )
    found = {provider: tuple(int(part) for part in parts) for provider, *parts in rows}
    assert_equal(found, expected)
    assert any(outside for *_, outside in found.values())
