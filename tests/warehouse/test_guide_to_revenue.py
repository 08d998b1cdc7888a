"""The example of the guide to revenue comes out as the guide says."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from psycopg import sql

from orchestration.quality.published_views import ensure_views, published_views
from tests.warehouse.histories import build
from tests.warehouse.money_world import MoneyWorld

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "revenue.md"
BLOCKS = re.findall(
    r"^```sql\n(.*?)^```\n\n```text\n(.*?)^```",
    GUIDE.read_text(),
    re.MULTILINE | re.DOTALL,
)
MARTS = (
    "exchange_rates",
    "money_movements",
    "payouts_reconciled",
    "revenue_daily",
    "revenue_totals_daily",
)


def on(month, day):
    return datetime(2026, month, day, 12, tzinfo=UTC)


def book(world, number, *, booked, served, charged, **more):
    row = {
        "booking_id": f"B{number}",
        "user_id": "u1",
        "provider_id": "p1",
        "service_id": "lesson",
        "state": "completed",
        "requested_at": booked,
        "starts_at": served,
        "list_minor": charged,
        "discount_minor": 0,
        "charged_minor": charged,
        "fee_minor": charged * 15 // 100,
        "currency": "EUR",
    }
    world.put("bookings", **row | more)


def pay(world, number, amount, at, *, booking=None, currency="EUR"):
    world.put(
        "payments",
        payment_id=f"Y{number}",
        booking_id=booking,
        user_id="u1",
        state="captured",
        amount_minor=amount,
        currency=currency,
        paid_at=at,
        created_at=at,
    )


def pay_out(world, number, net, first, **more):
    row = {
        "payout_id": f"P{number}",
        "provider_id": "p3",
        "state": "paid",
        "charged_minor": net + more.get("fee_minor", 0),
        "net_minor": net,
        "currency": "EUR",
        "period_starts_on": first,
        "period_ends_on": first + timedelta(days=6),
        "created_at": on(5, 1),
        "paid_at": on(5, 1),
    }
    world.put("payouts", **row | more)


def the_spring(world):
    """What the guide tells, as the app has it."""
    book(
        world,
        1,
        booked=on(3, 28),
        served=on(4, 2),
        charged=10000,
        list_minor=11000,
        discount_minor=1000,
        discount_funder="platform",
    )
    book(world, 2, booked=on(3, 30), served=on(5, 10), charged=8000, state="paid")
    book(world, 3, booked=on(3, 31), served=on(4, 3), charged=5000)
    book(
        world,
        4,
        booked=on(3, 29),
        served=on(3, 29),
        charged=5000,
        currency="JPY",
        provider_id="p2",
    )
    book(world, 5, booked=on(4, 7), served=on(4, 9), charged=4000)
    world.put(
        "booking_states",
        booking_state_id="1",
        booking_id="B2",
        state="paid",
        entered_at=on(3, 31),
    )
    for number, amount, at, booking in (
        (1, 10000, on(3, 30), "B1"),
        (2, 8000, on(4, 1), "B2"),
        (31, 3000, on(4, 1), "B3"),
        (32, 2000, on(4, 4), "B3"),
        (5, 4000, on(4, 8), "B5"),
        (9, 2500, on(4, 8), None),
    ):
        pay(world, number, amount, at, booking=booking)
    pay(world, 4, 5000, on(3, 29), booking="B4", currency="JPY")
    world.put(
        "refunds",
        refund_id="R1",
        payment_id="Y1",
        amount_minor=2000,
        currency="EUR",
        refunded_at=on(5, 6),
    )
    for day in (26, 27):
        world.put(
            "exchange_rates",
            exchange_rate_id=f"JPY {day}",
            currency="JPY",
            quoted_currency="EUR",
            rate="0.0061" if day == 27 else "0.0059",
            valid_on=date(2026, 3, day),
        )
    # 10,000 + 8,000 + 5,000 less fees of 3,450 were due; 2,000 came a week late.
    early, late = date(2026, 3, 30), date(2026, 4, 6)
    pay_out(world, 1, 17550, early, fee_minor=3450, provider_id="p1")
    pay_out(world, 2, 5400, late, fee_minor=600, provider_id="p1")
    pay_out(world, 3, 700, late)
    pay_out(world, 4, 900, late, currency="ZZZ")


def test_the_example_of_the_guide_comes_out_as_it_says(database, connection):
    world = MoneyWorld(connection)
    the_spring(world)
    world.extract()
    select = [f"+{name}" for name in MARTS]
    build(connection, url=database, select=select)
    for name in MARTS:
        connection.execute(
            sql.SQL("create table published_data.{0} as table marts.{0}").format(
                sql.Identifier(name)
            )
        )
    wanted = ("revenue_", "reconciliation", "payouts_", "money_", "currency_exponents")
    ensure_views(
        connection,
        [view for view in published_views() if view.name.startswith(wanted)],
    )
    assert len(BLOCKS) == 4
    for query, told in BLOCKS:
        rows = connection.execute(query).fetchall()
        assert "".join(" | ".join(map(str, row)) + "\n" for row in rows) == told
