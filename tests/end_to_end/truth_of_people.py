"""Sessions, person days and overview of a world, against its truth.

Identifiers are mapped by definitions written here again, not by the product's code.
Devices whose clocks nothing can correct are left out on both sides, and counted.
"""

import hashlib
import hmac
import json
from decimal import Decimal

import polars as pl

from orchestration.warehouse.connection import connect
from tests.end_to_end.comparing import assert_equal, metrics, nonzero, of
from tests.end_to_end.house import KEY

COUNTED = pl.col("has_consent") & ~pl.col("is_bot") & ~pl.col("is_test")


def person_id(person):
    """Hash `user:<id>` or `device:<id>` as MECHANICS 6 says."""
    kind, _, name = person.partition(":")
    known = json.dumps([kind, stored_device(name) if kind == "device" else name])
    return hashlib.sha256(known.encode()).hexdigest()[:32]


def stored_device(device):
    """Name a device as raw does: visitors of the log are a keyed hash."""
    address, _, agent = device.partition(" ")
    if not agent:
        return device
    text = f"{address}\x1f{agent}".encode()
    return "p1_" + hmac.digest(KEY.encode(), text, "sha256").hex()[:32]


def unrecoverable_devices(story):
    devices = story.truth("devices")
    lost = set(devices.filter(~pl.col("is_recoverable"))["device_id"])
    # Few enough that what is compared is nearly everything.
    assert 0 < len(lost) < len(devices) / 50, f"{len(lost)} of {len(devices)} devices"
    return lost


def check_sessions(story):
    """Start, end, counts and pages of every session, excluded ones apart."""
    lost = unrecoverable_devices(story)
    expected = {
        (
            stored_device(row["device_id"]),
            row["is_bot"] or row["is_test"],
            row["started_at"],
        ): (
            row["started_on"],
            row["ended_at"],
            row["interactive_event_count"] + row["other_event_count"],
            row["interactive_event_count"]
            - (row["raw_view_count"] - row["view_count"]),
            row["view_count"],
            row["conversion_count"],
            row["error_count"],
            row["chat_started_count"],
            row["entry_path"],
            row["exit_path"],
        )
        for row in story.truth("sessions")
        .filter("has_consent", "is_recoverable")
        .iter_rows(named=True)
    }
    found = {
        row[:3]: row[3:]
        for row in story.house.rows(
            """
            select
                device_id, is_excluded, started_at, started_on, ended_at,
                event_count, interactive_event_count, view_count,
                conversion_count, error_count, chat_count,
                entry_page_path, exit_page_path
            from intermediate.int_events_sessionized
            """
        )
        if row[0] not in lost
    }
    assert len(expected) > 500
    assert_equal(found, expected, left_out=len(lost))
    kept = story.house.rows("select device_id, started_at from marts.sessions")
    counted = {(key[0], key[2]) for key in expected if not key[1]}
    assert {key for key in kept if key[0] not in lost} == counted


def check_person_days(story):
    """Counts of every person on every day with something interactive."""
    lost = {person_id(f"device:{name}") for name in unrecoverable_devices(story)}
    expected = {
        (row["day"], person_id(row["person"])): (
            not row["person"].startswith("user:"),
            row["interactive_event_count"]
            - (row["raw_view_count"] - row["view_count"]),
            row["view_count"],
            row["conversion_count"],
            row["error_count"],
        )
        for row in story.truth("person_days")
        .filter(COUNTED, "is_recoverable")
        .iter_rows(named=True)
    }
    found = {
        (day, person): rest
        for day, person, *rest in story.house.rows(
            """
            select
                day, person_id, is_anonymous, interactive_event_count, view_count,
                conversion_count, error_count
            from marts.person_days
            where interactive_event_count > 0
            """
        )
        if person not in lost
    }
    found = {key: tuple(rest) for key, rest in found.items()}
    assert len(expected) > 500
    assert_equal(found, expected, left_out=len(lost))


def check_overview(story):
    """The overview metrics of every day, as readers see them."""
    found = metrics(story)
    truth = story.truth("metrics_daily")
    for metric, column in {
        "booking_attempts": "request_count",
        "chat_sessions": "chat_session_count",
        "page_views": "view_count",
        "errors": "error_count",
    }.items():
        expected = dict(truth.select("day", column).iter_rows())
        assert_equal(of(found, metric), nonzero(expected))
    by_day = active_persons(story)
    assert_equal(
        of(found, "active_users"), {day: len(who) for day, who in by_day.items()}
    )
    known = {
        day: sum(person.startswith("user:") for person in who)
        for day, who in by_day.items()
    }
    assert_equal(of(found, "active_identified_users"), nonzero(known))


def check_sessions_of_days(story):
    """Sessions and sessions with errors by the day of their start."""
    found = metrics(story)
    lost = list(unrecoverable_devices(story))
    ours = story.house.rows(
        """
        select
            started_on,
            count(*),
            count(*) filter (where error_count > 0),
            count(*) filter (where device_id = any(%(lost)s)),
            count(*) filter (where device_id = any(%(lost)s) and error_count > 0)
        from marts.sessions group by started_on
        """,
        {"lost": lost},
    )
    counts = {day: (Decimal(errors), Decimal(n)) for day, n, errors, *_ in ours}
    assert counts == {
        key[0]: pair
        for key, pair in found.items()
        if key[1] == "error_rate" and key[0] in counts
    }
    assert of(found, "sessions") == {day: n for day, (_, n) in counts.items()}
    expected = (
        story.truth("sessions")
        .filter(COUNTED, "is_recoverable")
        .group_by("started_on")
        .agg(pl.len(), (pl.col("error_count") > 0).sum().alias("errors"))
    )
    assert_equal(
        {day: (n - lost_n, e - lost_e) for day, n, e, lost_n, lost_e in ours},
        {day: (n, errors) for day, n, errors in expected.iter_rows()},
    )


def check_pages(story):
    """The most viewed pages of every day, the tail folded into one row."""
    expected, top = {}, {}
    pages = story.truth("top_pages_daily")
    for (day,), rows in pages.group_by("day"):
        counts = sorted(
            rows.select("page_path", "view_count").iter_rows(),
            key=lambda row: (-row[1], row[0].encode()),
        )
        expected |= {(day, path): views for path, views in counts[:50]}
        if counts[50:]:
            expected[day, "(other)"] = sum(views for _, views in counts[50:])
        top[day] = [{"page": path, "views": views} for path, views in counts[:10]]
    found = {
        (day, value): int(numerator)
        for (day, metric, dimension, value), (numerator, _) in metrics(story).items()
        if (metric, dimension) == ("page_views", "page_path")
    }
    assert_equal(found, expected)
    shown = story.house.rows("select day, top_pages from published.dashboard_overview")
    assert_equal({day: pages for day, pages in shown if pages}, top)


def check_experiments(story):
    """Units, conversions and crossed units of the experiment that is declared."""
    expected = {
        (row["variant"]): (row["exposed_count"], row["converted_count"])
        for row in story.truth("experiments")
        .filter(pl.col("experiment_id") == "checkout_button")
        .iter_rows(named=True)
    }
    lost = story.truth("exposures").filter(~pl.col("is_recoverable"))
    assert len(lost) == 0
    found = story.house.rows(
        """
        select variant, sum(unit_count)::bigint, sum(conversion_count)::bigint
        from marts.experiment_statistics
        where experiment_id = 'checkout_button' and dimension = 'all'
        group by variant
        """
    )
    assert sum(units for units, _ in expected.values()) > 20
    assert_equal({variant: tuple(rest) for variant, *rest in found}, expected)
    shown = story.house.one(
        """
        select
            total_participants, variant_a_participants, variant_a_conversions,
            variant_b_participants, variant_b_conversions, variants, is_active
        from published.ab_testing where test_name = 'checkout_button'
        """
    )
    arms = [expected["control"], expected["treatment"]]
    assert shown[1:5] == (*arms[0], *arms[1])
    assert shown[5:] == (["control", "treatment"], True)
    assert shown[0] == sum(units for units, _ in arms)


def active_persons(story):
    """Return who did something, by day: events by truth, own actions by the app."""
    active = {}
    for day, person in (
        story.truth("person_days").filter(COUNTED).select("day", "person").iter_rows()
    ):
        active.setdefault(day, set()).add(person)
    with connect(story.house.app_url, application_name="tests") as app:
        acted = app.execute(
            """
            select day, person
            from (
                select created_at::date, customer_id from bookings
                union select created_at::date, author_id from reviews
                union select sent_at::date, sender_id from messages
            ) as acts (day, person)
            where not exists (
                select from users where users.id = person and users.is_test_account
            )
            """
        ).fetchall()
    for day, user in acted:
        active.setdefault(day, set()).add(f"user:{user}")
    return active
