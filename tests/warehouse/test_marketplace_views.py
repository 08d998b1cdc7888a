"""What readers see of occasions, of offers as they were, and of what nobody offered."""

from datetime import date

from tests.warehouse.histories import Event, at, build, load
from tests.warehouse.marketplace_world import change
from tests.warehouse.test_provider_views import booked, publish_all, seen

SELECT = (
    *("+booking_faults", "+occasions", "+utilisation_daily"),
    "+person_events_daily",
)
TABLES = {
    "days",
    "bookings",
    "utilisation_daily",
    "occasions",
    "occasion_registrations",
    "person_events_daily",
}
VIEWS = {
    *("occasion_attendance", "listing_versions", "bookings_as_offered"),
    *("listing_views_as_offered", "unmet_demand", "attendance_set_aside"),
    "registrations_daily",
}


def ticket(number, user, occasion, state="valid"):
    return (
        "tickets",
        {
            "ticket_id": f"t{number}",
            "user_id": user,
            "occasion_id": occasion,
            "state": state,
        },
    )


def came(number, *, occasion="o1", ticket_id=None, state="attended", user=None):
    return (
        "attendance",
        {
            "attendance_id": f"a{number}",
            "occasion_id": occasion,
            "ticket_id": ticket_id,
            "state": state,
            "user_id": user,
        },
    )


SEARCHED = {"acquisition_channel": "search"}
# u1 sends the form, u2 begins it twice, and so does somebody without an account.
FORMS = [
    *(("form_started", "u1"), ("form_submitted", "u1"), ("form_started", "u2")),
    *(("form_started", "u2"), ("form_started", None)),
]


def form(number, name, user):
    said = {"form_id": "registration"}
    who = {"device_id": f"form-{user}", "user_id": user, "occasion_id": "o1"}
    return Event(f"f{number}", at(minutes=number), name, properties=said, **who)


def offer(connection, price, valid_from, valid_to):
    connection.execute(
        "insert into raw.app_listings (listing_id, provider_id, category, price_minor, "
        "currency, created_at, row_hash, valid_from, valid_to, load_id) "
        "values ('l1', 'p1', 'Massage', %s, 'EUR', %s, '', %s, %s, 1)",
        (price, at(), valid_from, valid_to),
    )


def searches(number, persons, query, found, day=0, **more):
    return [
        Event(
            f"s{number}-{person}",
            at(days=day, minutes=person),
            "search_performed",
            device_id=f"d{person}",
            properties={"query": query, "results_count": found, **more},
        )
        for person in range(persons)
    ]


def test_what_readers_see(database, connection):
    offer(connection, 5_000, at(hours=1), at(days=2))
    offer(connection, 6_000, at(days=2), None)
    hours = {"starts_at": at(hours=9), "ends_at": at(hours=10)}
    change(
        connection,
        [
            *booked(1, listing_id="l1", requested_at=at(minutes=59)),
            *booked(2, listing_id="l1", requested_at=at(hours=1)),
            *booked(3, listing_id="l1", requested_at=at(days=2)),
            *booked(4, states=[("accepted", 1)], **hours),
            ("availability", {"availability_id": "h", "provider_id": "p1", **hours}),
            ("occasions", {"occasion_id": "o1", "provider_id": "p1", "capacity": 4}),
            (
                "occasions",
                {"occasion_id": "o2", "provider_id": "p1", "starts_at": at(days=1)},
            ),
            *(("persons", {"user_id": f"u{n}", **SEARCHED}) for n in (1, 2)),
            *(ticket(n, f"u{n}", "o1") for n in (1, 2, 3)),
            ticket(4, "u4", "o1", "refunded"),
            ticket(5, "u1", "o2"),
            came(1, ticket_id="t1"),
            came(2, ticket_id="t2", state="no_show"),
            came(4, ticket_id="t4"),
            came(5, occasion="o2", ticket_id="t5"),
            came(6, occasion="o2", user="u9"),
            came(7, occasion=None),
            came(8, occasion=None, ticket_id="t9"),
            came(9, occasion="o9"),
        ],
    )
    load(
        connection,
        [
            *searches(1, 10, " Massage ", 0),
            *searches(2, 9, "jane@example.org", 3),
            *searches(3, 1, "yoga", 0, filters={"category": "massage"}),
            *searches(4, 12, "chess", 2, day=1),
            Event("v", at(days=1), listing_id="l1"),
            *(form(n, name, user) for n, (name, user) in enumerate(FORMS)),
        ],
    )
    build_id = build(connection, url=database, select=SELECT)
    through = at(days=3)
    publish_all(connection, build_id, through=through, tables=TABLES, views=VIEWS)
    check_occasions(connection)
    check_registrations(connection)
    check_offers(connection)
    check_demand(connection)


def check_occasions(connection):
    first, second = seen(
        connection, "select * from published.occasion_attendance order by occasion_id"
    )
    # Two of three good tickets are known to be used or not; u4 came on a refunded one.
    assert (first.registered_count, first.attended_count) == (3, 2)
    assert (first.walk_in_count, first.no_show_count) == (1, 1)
    assert (first.fill_rate, first.no_show_rate) == (0.75, 0.5)
    assert (second.registered_count, second.attended_count) == (1, 2)
    assert (second.fill_rate, second.no_show_rate) == (None, 0)
    # u1 had been to the first; u9 had not.
    assert (first.repeat_rate, second.repeat_rate) == (0, 0.5)
    left = seen(connection, "select * from published.attendance_set_aside")
    assert {row.attendance_id: row.reason for row in left} == {
        "a7": "without_occasion",
        "a8": "unknown_ticket",
        "a9": "unknown_occasion",
    }


def check_registrations(connection):
    rows = seen(
        connection,
        "select * from published.registrations_daily order by occasion_id, source",
    )
    assert [
        (
            *(row.day, row.occasion_id, row.source, row.capacity, row.person_count),
            *(row.registered_count, row.given_back_count, row.form_person_count),
            *(row.form_drop_count, row.form_drop_rate),
        )
        for row in rows
    ] == [
        (date(2026, 3, 1), "o1", "search", 4, 2, 2, 0, 2, 1, 0.5),
        (date(2026, 3, 1), "o1", "unknown", 4, 2, 1, 1, 1, 1, 1),
        (date(2026, 3, 1), "o2", "search", None, 1, 1, 0, 0, 0, None),
    ]


def check_offers(connection):
    rows = seen(connection, "select * from published.bookings_as_offered")
    assert {row.booking_id: row.listing_price_minor for row in rows} == {
        "b1": None,
        "b2": 5_000,
        "b3": 6_000,
    }
    views = seen(connection, "select * from published.listing_views_as_offered")
    assert [(row.listing_version, row.view_count) for row in views] == [(1, 1)]
    versions = seen(connection, "select * from published.listing_versions")
    assert [row.changed_columns for row in versions][1] == ["price"]


def check_demand(connection):
    rows = seen(
        connection,
        "select * from published.unmet_demand order by day, term, category nulls last",
    )
    assert [
        (row.day, row.term, row.category, row.search_count, row.person_count)
        for row in rows
    ] == [
        (date(2026, 3, 1), "massage", "massage", 10, 10),
        # Words of fewer than ten persons are not shown, an address least of all.
        (date(2026, 3, 1), None, "massage", 1, 1),
        (date(2026, 3, 1), None, None, 9, 9),
        (date(2026, 3, 2), "chess", None, 12, 12),
    ]
    # The only hour of massage was booked: nobody's search could have been met.
    assert [row.free_seconds for row in rows] == [0, 0, None, None]
    assert [row.unmet_count for row in rows] == [10, 1, 0, 0]
    assert [row.no_result_rate for row in rows] == [1, 1, 0, 0]
