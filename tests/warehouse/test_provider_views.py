"""What readers see of providers: windows that end with a day, hours merged by hand."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from orchestration.quality.published_tables import published_tables
from orchestration.quality.published_views import published_views
from orchestration.quality.publishing import Terms, publish
from tests.warehouse.histories import at, build, parse_once
from tests.warehouse.marketplace_world import change, rows_of

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "marketplace.md"
SELECT = (
    *("+provider_performance_daily", "+utilisation_daily"),
    *("+booking_faults", "+revenue_daily"),
)
TABLES = {
    *("days", "bookings", "booking_faults", "provider_customers"),
    *("provider_performance_daily", "utilisation_daily"),
    *("revenue_daily", "money_movements"),
}
VIEWS = {
    *("provider_performance", "utilisation", "own_performance", "own_utilisation"),
    *("acquisition_weekly", "revenue_periods", "revenue_weekly", "revenue_monthly"),
}

ACCOUNTS = [
    ("persons", {"user_id": "u1", "acquisition_channel": "search"}),
    ("persons", {"user_id": "u2", "acquisition_channel": "search"}),
    ("persons", {"user_id": "u3", "registered_at": at(days=90)}),
    ("persons", {"user_id": "u4", "is_test": True}),
    ("persons", {"user_id": "u5", "role": "provider"}),
    (
        "providers",
        {
            "provider_id": "p1",
            "user_id": "u5",
            "provider_kind": "teacher",
            "joined_at": at(),
        },
    ),
]
EUROS = {"list_minor": 5000, "charged_minor": 5000, "currency": "EUR"}


def booked(number, *, states=(), **columns):
    """Return a booking, and its log with hours since its request."""
    row = {
        "booking_id": f"b{number}",
        "provider_id": "p1",
        "state": states[-1][0] if states else "requested",
        "requested_at": at(),
        **columns,
    }
    log = [
        {
            "booking_state_id": f"b{number}-{index}",
            "booking_id": f"b{number}",
            "state": state,
            "entered_at": row["requested_at"] + timedelta(hours=hours),
        }
        for index, (state, hours) in enumerate(states)
    ]
    return [("bookings", row), *(("booking_states", entry) for entry in log)]


def publish_all(connection, build_id, *, through, tables=TABLES, views=VIEWS):
    manifest = parse_once().writable_manifest().to_dict(omit_none=False)
    connection.execute(
        "insert into ops.watermarks (source, data_complete_through, rule) "
        "values ('app', %s, 'arrival') on conflict (source) do update "
        "set data_complete_through = excluded.data_complete_through",
        (through,),
    )
    connection.commit()
    publish(
        connection,
        tables=[each for each in published_tables(manifest) if each.name in tables],
        terms=Terms(build_id=build_id),
        views=[view for view in published_views() if view.name in views],
    )


def seen(connection, query):
    with connection.transaction():
        connection.execute("set local role bi_reader")
        cursor = connection.execute(query)
        names = [column.name for column in cursor.description]
        return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor]


def test_a_provider_is_judged_by_what_a_window_holds(database, connection):
    done = [("accepted", 2), ("completed", 24)]
    sundry = [
        booked(1, states=done, user_id="u1", **EUROS, starts_at=at(hours=20)),
        booked(2, states=done, user_id="u1", requested_at=at(days=10)),
        booked(3, states=done, user_id="u2"),
        # A second one a moment after the 90 days makes no repeat customer.
        booked(
            4,
            states=done,
            user_id="u2",
            requested_at=at(days=90, seconds=1),
        ),
        booked(5, states=[("accepted", 4), ("cancelled_by_provider", 5)]),
        booked(6, states=[("accepted", 6), ("no_show", 30)]),
        booked(7, states=[("declined", 8)]),
        booked(8, states=[("expired", 72)]),
        # Illegal: it counts nowhere.
        booked(9, states=[("completed", 8)]),
        booked(10, states=[], requested_at=at(days=95)),
    ]
    reviews = [
        ("reviews", {"review_id": f"r{n}", "provider_id": who, "rating": rating})
        for n, (who, rating) in enumerate([("p1", 5), ("p1", 4), ("p2", 1)])
    ]
    paid = {"payment_id": "y1", "amount_minor": 5000, "currency": "EUR"}
    money = [
        (
            "payments",
            paid
            | {"booking_id": "b1", "state": "captured"}
            | {"paid_at": at(), "created_at": at()},
        ),
        (
            "refunds",
            paid | {"refund_id": "r1", "amount_minor": 1000, "refunded_at": at()},
        ),
    ]
    rows = [*(row for rows in sundry for row in rows), *reviews, *money, *ACCOUNTS]
    change(connection, rows)
    build_id = build(connection, url=database, select=SELECT)
    publish_all(connection, build_id, through=at(days=94))
    by_window = {
        row.window_days: row
        for row in seen(
            connection,
            "select * from published.provider_performance "
            "where day = '2026-03-04' and provider_id = 'p1'",
        )
    }
    wide = by_window[28]
    assert (wide.accepted_count, wide.declined_count, wide.expired_count) == (4, 1, 1)
    assert float(wide.acceptance_rate) == pytest.approx(4 / 6)
    # 2, 2, 4, 6 and 8 hours: what expired was not answered.
    assert wide.median_response_seconds == 4 * 3600
    assert (wide.completed_count, wide.ended_count) == (2, 4)
    assert wide.provider_cancellation_rate == 0.25
    assert float(wide.no_show_rate) == pytest.approx(1 / 3)
    # All ratings of the window average 10 / 3; two of p1, five of the prior.
    assert float(wide.average_rating) == 4.5
    assert float(wide.shrunk_rating) == pytest.approx((9 + 5 * 10 / 3) / 7)
    assert wide.repeat_rate is None
    assert (wide.currency, wide.charged_minor, wide.net_minor) == ("EUR", 5000, 4000)
    assert not wide.is_mature
    assert by_window[1].expired_count == 1
    assert by_window[1].acceptance_rate == 0
    assert by_window[1].average_rating is None
    late = seen(
        connection,
        "select * from published.provider_performance "
        "where day >= '2026-05-31' and provider_id = 'p1' and window_days = 28",
    )
    # Both customers mature 91 days after the first day; one of them came again.
    assert {row.day: (row.repeat_rate, row.is_mature) for row in late} == {
        date(2026, 5, 31): (0.5, True),
        date(2026, 6, 1): (0.5, True),
        date(2026, 6, 2): (0.5, True),
        date(2026, 6, 3): (0.5, False),
        date(2026, 6, 4): (0.5, False),
    }
    repeats = seen(
        connection, "select user_id, is_repeat from published.provider_customers"
    )
    assert {row.user_id: row.is_repeat for row in repeats} == {"u1": True, "u2": False}
    check_acquisition(connection)
    check_periods(connection)


def check_acquisition(connection):
    rows = seen(connection, "select * from published.acquisition_weekly")
    # 1 March 2026 is a Sunday. A provider converts by earning; of the two customers of
    # the first week one paid. The third paid nothing, and her 30 days are not over.
    assert {
        (row.registered_week, row.role): (
            *(row.account_count, row.converted_count, row.conversion_rate),
            row.is_mature,
        )
        for row in rows
    } == {
        (date(2026, 2, 23), "customer"): (2, 1, 0.5, True),
        (date(2026, 2, 23), "provider"): (1, 1, 1, True),
        (date(2026, 5, 25), "customer"): (1, 0, 0, False),
    }
    assert {row.acquisition_channel for row in rows} == {"search", "unknown"}


def check_periods(connection):
    query = "select *, to_char(take_rate, '0.00') as taken from published.revenue_{}"
    (week,) = (
        row
        for row in seen(connection, query.format("weekly"))
        if row.basis == "service"
    )
    (month,) = (
        row
        for row in seen(connection, query.format("monthly"))
        if row.basis == "service"
    )
    assert (week.week, week.week_starts_on) == ("2026-W09", date(2026, 2, 23))
    assert (month.month, month.month_starts_on) == ("2026-03", date(2026, 3, 1))
    for each in (week, month):
        assert (each.charged_minor, each.net_minor) == (5000, 4000)
        assert each.taken.strip() == "0.00"
    check_guide(connection)
    check_own(connection)


def check_own(connection):
    """A provider reads own rows, of a member of the role that may read nothing else."""
    with connection.transaction(force_rollback=True):
        connection.execute("create role teacher_of_p1 in role provider_reader")
        connection.execute("create role stranger in role provider_reader")
        connection.execute(
            "insert into ops.provider_readers values ('teacher_of_p1', 'p1')"
        )
        providers = "select distinct provider_id from published.{}"
        connection.execute("set local role teacher_of_p1")
        for view in ("own_performance", "own_utilisation"):
            found = connection.execute(providers.format(view)).fetchall()
            assert found in ([("p1",)], [])
        assert connection.execute(providers.format("own_performance")).fetchall()
        for other in ("provider_performance", "bookings", "utilisation_daily"):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege),
                connection.transaction(),
            ):
                connection.execute(providers.format(other))
        connection.execute("set local role stranger")
        assert not connection.execute(providers.format("own_performance")).fetchall()


def check_guide(connection):
    """What the guide shows is what its query gives."""
    text = GUIDE.read_text()
    (query,) = re.findall(r"^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    shown = text.split("```\n")[-1].splitlines()
    header, _, *rows = [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in shown
        if line.startswith("|")
    ]
    found = seen(connection, query)
    assert list(vars(found[0])) == header
    assert [
        [
            "" if value is None else str(value).removesuffix(".0")
            for value in vars(row).values()
        ]
        for row in found
    ] == rows


def berlin(month, day, hour, minute=0):
    """Return an instant of a summer or winter hour of Berlin, told by its offset."""
    offset = 2 if (3, 29, 3) <= (month, day, hour) < (10, 25, 3) else 1
    return datetime(2026, month, day, hour, minute, tzinfo=UTC) - timedelta(
        hours=offset
    )


# Worked by hand, in hours of Berlin; its clocks change on 29 March and 25 October 2026:
# who, hours available, hours booked, then (available, booked, double, outside, rate).
BY_HAND = {
    "overlap": (
        [((3, 28, 9), (3, 28, 12)), ((3, 28, 11), (3, 28, 13))],
        [((3, 28, 9), (3, 28, 11)), ((3, 28, 10), (3, 28, 12))],
        {(3, 28): (4, 3, 1, 0, 0.75)},
    ),
    "clip at midnight": (
        [((3, 27, 22), (3, 28, 2))],
        [((3, 27, 23), (3, 28, 1))],
        {(3, 27): (2, 1, 0, 0, 0.5), (3, 28): (2, 1, 0, 0, 0.5)},
    ),
    "no availability": (
        [],
        [((3, 28, 9), (3, 28, 10))],
        {(3, 28): (0, 1, 0, 1, None)},
    ),
    "more than all": (
        [((3, 28, 9), (3, 28, 10))],
        [((3, 28, 9), (3, 28, 12))],
        {(3, 28): (1, 3, 0, 2, 3)},
    ),
    "touching": (
        [((3, 28, 9), (3, 28, 11))],
        [((3, 28, 9), (3, 28, 10)), ((3, 28, 10), (3, 28, 11))],
        {(3, 28): (2, 2, 0, 0, 1)},
    ),
    "nothing booked": ([((3, 28, 9), (3, 28, 10))], [], {(3, 28): (1, 0, 0, 0, 0)}),
    "spring": (
        [((3, 29, 0), (3, 30, 0))],
        [((3, 29, 1), (3, 29, 4))],
        {(3, 29): (23, 2, 0, 0, 2 / 23)},
    ),
    "autumn": (
        [((10, 25, 0), (10, 26, 0))],
        [((10, 25, 1), (10, 25, 4))],
        {(10, 25): (25, 4, 0, 0, 4 / 25)},
    ),
}


def test_hours_are_merged_and_cut_as_worked_out_by_hand(
    database, connection, monkeypatch
):
    monkeypatch.setenv("DAYBOOK_TIMEZONE", "Europe/Berlin")
    rows = []
    for number, (name, (offers, bookings, _)) in enumerate(BY_HAND.items()):
        rows += [
            (
                "availability",
                {
                    "availability_id": f"{name} {index}",
                    "provider_id": name,
                    "starts_at": berlin(*starts),
                    "ends_at": berlin(*ends),
                },
            )
            for index, (starts, ends) in enumerate(offers)
        ]
        for index, (starts, ends) in enumerate(bookings):
            rows += booked(
                f"{number}-{index}",
                states=[("accepted", 1)],
                provider_id=name,
                starts_at=berlin(*starts),
                ends_at=berlin(*ends),
            )
    # Neither a refused nor a cancelled booking takes hours; the last day is known.
    taken = {"starts_at": berlin(3, 28, 9), "ends_at": berlin(3, 28, 10)}
    ends = [("accepted", 1), ("cancelled_by_customer", 2)]
    rows += booked("x", states=ends, provider_id="overlap", **taken)
    rows += booked("y", states=[("declined", 1)], provider_id="overlap", **taken)
    rows += booked("z", provider_id="overlap", requested_at=berlin(10, 31, 12))
    change(connection, rows)
    build(connection, url=database, select=("+utilisation_daily",))
    found = {
        (row["provider_id"], row["day"]): [
            *(
                float(row[f"{kind}_seconds"]) / 3600
                for kind in ("available", "booked", "double_booked", "outside")
            ),
            None if row["utilisation_rate"] is None else float(row["utilisation_rate"]),
        ]
        for row in rows_of(connection, "marts.utilisation_daily")
    }
    expected = {
        (name, date(2026, *day)): pytest.approx(list(numbers))
        for name, (_, _, days) in BY_HAND.items()
        for day, numbers in days.items()
    }
    assert found == expected
