"""Bookings and their faults, against states walked one by one."""

from tests.warehouse.histories import at, build, table_rows
from tests.warehouse.marketplace_world import App, change, rows_of
from tests.warehouse.reference_marketplace import booking_of, faults_of

MARTS = ("bookings", "booking_faults")
SELECT = ("+booking_faults",)


def assert_as_walked(app, connection):
    logs = app.logs()
    expected = [booking_of(row, logs.get(k, [])) for k, row in app.bookings.items()]
    columns = list(expected[0])
    found = rows_of(connection, "marts.bookings", *columns)

    def by_id(row):
        return row["booking_id"]

    assert sorted(found, key=by_id) == sorted(expected, key=by_id)
    faults = {
        (key, *fault)
        for key in {*app.bookings, *logs}
        for fault in faults_of(app.bookings.get(key), logs.get(key, []))
    }
    listed = rows_of(connection, "marts.booking_faults")
    assert {(r["booking_id"], r["reason"], r["booking_state_id"]) for r in listed} == (
        faults
    )
    assert len(listed) == len(faults)
    return {reason for _, reason, _ in faults}


def test_bookings_are_what_their_states_say_however_they_arrive(database, connection):
    app = App(3)
    change(connection, [row for number in range(60) for row in app.book(number)])
    build(connection, url=database, select=SELECT)
    reasons = assert_as_walked(app, connection)
    for _ in range(3):
        numbers = app.chance.sample(range(70), 8)
        change(
            connection,
            [
                *(row for number in numbers for row in app.book(number)),
                *app.delete(),
                *app.delete(),
                *app.drop_entry(),
            ],
        )
        build(connection, url=database, select=SELECT)
        reasons |= assert_as_walked(app, connection)
    assert reasons == {
        *("no_booking", "unknown_state", "illegal_transition"),
        *("before_request", "state_not_logged", "impossible_interval"),
    }
    before = [table_rows(connection, f"marts.{name}") for name in MARTS]
    build(connection, url=database, select=SELECT, is_full=True)
    assert [table_rows(connection, f"marts.{name}") for name in MARTS] == before


def test_an_entry_of_the_log_alone_is_enough_to_read_its_booking_again(
    database, connection
):
    booking = {"booking_id": "b1", "state": "accepted"}
    entry = {"booking_id": "b1", "state": "accepted"}
    accepted = {"booking_state_id": "1", **entry, "entered_at": at(hours=1)}
    change(connection, [("bookings", booking), ("booking_states", accepted)])
    build(connection, url=database, select=SELECT)
    paid = accepted | {
        "booking_state_id": "2",
        "state": "paid",
        "entered_at": at(days=60),
    }
    change(connection, [("booking_states", paid)])
    build(connection, url=database, select=SELECT)
    (row,) = rows_of(connection, "marts.bookings", "paid_at", "is_quarantined")
    assert row == {"paid_at": at(days=60), "is_quarantined": True}
    change(connection, [("booking_states", {"booking_state_id": "2"})])
    build(connection, url=database, select=SELECT)
    (row,) = rows_of(connection, "marts.bookings", "paid_at", "is_quarantined")
    assert row == {"paid_at": None, "is_quarantined": False}
    assert rows_of(connection, "marts.booking_faults") == []
