"""What the warehouse made of a simulated world, held against the world's truth.

Identifiers are mapped by definitions written here again, not by the product's code.
Devices whose clocks nothing can correct are left out on both sides, and counted.
"""

import hashlib
import hmac
import json
from collections import Counter
from decimal import Decimal

import polars as pl

from orchestration.warehouse.connection import connect
from tests.end_to_end.house import KEY

COUNTED = pl.col("has_consent") & ~pl.col("is_bot") & ~pl.col("is_test")
SOURCES = ("web", "mobile", "server")


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
            row["person"].startswith("device:"),
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


def check_money(story):
    """Revenue and refunds by currency and the day that money moved."""
    expected = Counter()
    kinds = {
        "booking_paid": ("revenue", 1),
        "order_paid": ("revenue", 1),
        "booking_refunded": ("refunds", -1),
        "order_refunded": ("refunds", -1),
    }
    for row in story.truth("money_daily").iter_rows(named=True):
        if row["kind"] in kinds:
            metric, sign = kinds[row["kind"]]
            for name in (metric, "net_revenue"):
                key = (row["day"], name, row["currency"])
                expected[key] += sign * row["amount_minor"]
    found = {
        (day, metric, value): int(numerator)
        for (day, metric, dimension, value), (numerator, _) in metrics(story).items()
        if dimension == "currency"
    }
    assert_equal(found, dict(expected))


def check_bookings(story):
    """Requests, acceptances and completions by their days, deleted ones forgotten."""
    bookings = story.truth("bookings").filter(~pl.col("is_deleted"))
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


def check_files(story):
    """Every record of every file has exactly one outcome, and the right one."""
    assert story.house.conservation() == []
    loads = {
        name: counts
        for name, *counts in story.house.rows(
            """
            select
                file_name, record_count, quarantined_count, not_consented_count,
                accepted_count + duplicate_count + conflict_count
            from ops.loads where kind = 'file'
            """
        )
    }
    expected, malformed, refused = {}, Counter(), Counter()
    for row in story.truth("malformed").iter_rows(named=True):
        malformed[row["source"], row["landed_on"]] += row["record_count"]
    for row in (
        story.truth("deliveries_daily")
        .filter(~pl.col("has_consent"))
        .iter_rows(named=True)
    ):
        refused[row["source"], row["landed_on"]] += row["record_count"]
    known = set()
    for source, name, landed_on, count, _ in sorted(story.files.iter_rows()):
        content = (story.house.landing / name).read_bytes()
        if (source, content) in known:
            # Nothing but the one broken line, as on a day before: loaded once.
            continue
        known.add((source, content))
        # The old tracker and the log have one broken line each day.
        broken = 1 if source in {"legacy", "access_log"} else 0
        broken += malformed[source, landed_on]
        silent = refused[source, landed_on]
        expected[name] = [count, broken, silent, count - broken - silent]
    assert_equal(loads, expected)


def check_deliveries(story):
    """Duplicates, conflicts and lateness are those that were planted."""
    last_day = story.world.date_of(story.world.days - 1)
    sent = story.truth("deliveries_daily").filter("has_consent")
    duplicates = story.house.rows(
        "select source, sum(duplicate_count)::bigint from ops.loads group by source"
    )
    repeats = (
        sent.filter("is_repeat").group_by("source").agg(pl.col("record_count").sum())
    )
    assert_equal(
        {source: n for source, n in duplicates if n}, dict(repeats.iter_rows())
    )
    # Winners of copies received on the last day may land after it.
    sent = sent.filter(pl.col("received_on") < last_day)
    conflicts = Counter(
        received_on
        for (received_on,) in story.house.rows(
            """
            select (convert_from(record, 'UTF8')::jsonb ->> 'received_at')::date
            from raw.set_aside where outcome = 'conflict' and source <> 'server'
            """
        )
        if received_on < last_day
    )
    planted = (
        sent.filter("is_conflict", pl.col("source") != "server")
        .group_by("received_on")
        .agg(pl.col("record_count").sum())
    )
    assert_equal(dict(conflicts), dict(planted.iter_rows()))
    delay = (pl.col("received_on") - pl.col("occurred_on")).dt.total_days()
    label = (
        pl.when(delay <= 0)
        .then(pl.lit("on_time"))
        .when(delay <= 3)
        .then(pl.lit("late"))
        .otherwise(pl.lit("too_late"))
        .alias("lateness")
    )
    expected = (
        sent.filter(~pl.col("is_repeat") & ~pl.col("is_conflict"))
        .group_by("source", "occurred_on", label, "is_clock_future")
        .agg(pl.col("record_count").sum())
    )
    found = story.house.rows(
        """
        select source, occurred_on, lateness, is_clock_future, count(*)
        from raw.events
        where
            source = any(%s)
            and (received_at at time zone 'utc')::date < %s
        group by source, occurred_on, lateness, is_clock_future
        """,
        (list(SOURCES), last_day),
    )
    assert {row[2] for row in found} == {"on_time", "late"}
    assert_equal(
        {row[:4]: row[4] for row in found},
        {row[:4]: row[4] for row in expected.iter_rows()},
    )


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
        from marts.experiment_counts where experiment_id = 'checkout_button'
        group by variant
        """
    )
    assert sum(units for units, _ in expected.values()) > 20
    assert_equal({variant: tuple(rest) for variant, *rest in found}, expected)


CHECKS = [
    check_files,
    check_deliveries,
    check_sessions,
    check_person_days,
    check_overview,
    check_sessions_of_days,
    check_pages,
    check_money,
    check_bookings,
    check_experiments,
]


def metrics(story):
    """Return numerator and denominator by day, metric and dimension."""
    rows = story.house.rows(
        """
        select day, metric_id, dimension, dimension_value, numerator, denominator
        from published.metrics_daily
        """
    )
    return {row[:4]: row[4:] for row in rows}


def of(found, metric):
    """Return the days on which a metric is not zero."""
    return {
        day: int(numerator)
        for (day, name, dimension, _), (numerator, _) in found.items()
        if (name, dimension) == (metric, "all") and numerator
    }


def nonzero(counts):
    return {key: count for key, count in counts.items() if count}


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
            select created_at::date, customer_id from bookings
            union select created_at::date, author_id from reviews
            union select sent_at::date, sender_id from messages
            """
        ).fetchall()
    for day, user in acted:
        active.setdefault(day, set()).add(f"user:{user}")
    return active


def assert_equal(found, expected, *, left_out=0):
    """Compare two dicts, and say in few lines where they differ."""
    wrong = [
        (key, found.get(key), expected.get(key))
        for key in sorted(found.keys() | expected.keys(), key=str)
        if found.get(key) != expected.get(key)
    ]
    shown = "\n".join(
        f"{key}: found {ours}, expected {truth}" for key, ours, truth in wrong[:10]
    )
    assert not wrong, (
        f"{len(wrong)} of {len(expected)} differ, {left_out} devices left out\n{shown}"
    )
