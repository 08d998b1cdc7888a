"""What providers did and how far their hours were taken, against plain counting."""

from tests.warehouse.histories import build, table_rows
from tests.warehouse.marketplace_world import App, change, rows_of
from tests.warehouse.reference_marketplace import (
    customers_of,
    hours_of,
    performance_of,
)

MARTS = ("provider_customers", "provider_performance_daily", "utilisation_daily")
SELECT = ("+provider_performance_daily", "+utilisation_daily")


def assert_as_counted(app, connection):
    sound = app.sound_bookings()
    customers = customers_of(sound)
    found = rows_of(connection, "marts.provider_customers")
    assert {
        (row["provider_id"], row["user_id"]): (
            row["first_booking_id"],
            row["second_booking_id"],
            row["matures_at"],
            row["is_repeat"],
        )
        for row in found
    } == customers
    expected = performance_of(sound, app.reviews.values(), customers)
    found = rows_of(connection, "marts.provider_performance_daily")
    assert {
        (row.pop("day"), row.pop("provider_id")): {
            name: sorted(value or []) if name == "response_seconds" else value
            for name, value in row.items()
            if value
        }
        for row in found
    } == {key: {n: v for n, v in row.items() if v} for key, row in expected.items()}
    days = [row["day"] for row in rows_of(connection, "marts.days", "day")]
    found = rows_of(connection, "marts.utilisation_daily")
    taken = hours_of(sound, app.hours.values(), days)
    assert {
        (row.pop("day"), row.pop("provider_id")): {
            name: None if value is None else round(float(value), 6)
            for name, value in row.items()
        }
        for row in found
    } == taken
    return {name for row in taken.values() for name, value in row.items() if value}


def test_providers_are_what_was_done_however_it_arrives(database, connection):
    app = App(5)
    change(
        connection,
        [
            *(row for number in range(120) for row in app.book(number)),
            *(row for number in range(25) for row in app.review(number)),
            *(row for number in range(12) for row in app.offer(number)),
        ],
    )
    build(connection, url=database, select=SELECT)
    kinds = assert_as_counted(app, connection)
    for step in range(3):
        numbers = app.chance.sample(range(130), 8)
        change(
            connection,
            [
                *(row for number in numbers for row in app.book(number)),
                *app.delete(),
                *app.drop_entry(),
                *(row for number in (1, 24 + step, 28) for row in app.review(number)),
                *(row for number in (3, 9 + step, 13) for row in app.offer(number)),
            ],
        )
        build(connection, url=database, select=SELECT)
        kinds |= assert_as_counted(app, connection)
    assert {"double_booked_seconds", "outside_seconds", "no_show_seconds"} <= kinds
    before = [table_rows(connection, f"marts.{name}") for name in MARTS]
    build(connection, url=database, select=SELECT, is_full=True)
    assert [table_rows(connection, f"marts.{name}") for name in MARTS] == before
