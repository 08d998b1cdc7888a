"""Money, extract by extract, equals a reference without SQL, and a rebuild."""

import random
from datetime import timedelta

import pytest

from tests.warehouse.histories import START, build
from tests.warehouse.money_world import MoneyWorld, live, nudge
from tests.warehouse.reference_money import movements_of, revenue_of

SELECT = (
    "+money_movements",
    "payouts_reconciled",
    "revenue_daily",
    "revenue_totals_daily",
)
MEASURES = {
    "list": "list_minor",
    "discount": "discount_minor",
    "platform": "platform_discount_minor",
    "charged": "charged_minor",
    "refunded": "refunded_minor",
    "net": "net_minor",
    "tax": "tax_minor",
    "fee": "fee_minor",
    "open": "open_minor",
}


@pytest.mark.parametrize(
    "seed", [0, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8)]]
)
def test_money_equals_the_reference_after_every_extract_and_a_rebuild(
    seed, database, connection
):
    chance, world = random.Random(seed), MoneyWorld(connection)
    add_accounts(world)
    for number in range(5):
        if number == 3:
            world.erase("u1", "replacement")
        elif number == 2:
            nudge(world)
            world.extract()
        else:
            live(world, chance, START)
            world.extract()
        build(connection, url=database, select=SELECT)
        assert_equal(stored_movements(connection), told_movements(world))
        assert_equal(stored_payouts(connection), told_payouts(world))
        assert_equal(
            stored_revenue(connection), revenue_of(world.tables, left_out={"tester"})
        )
    kept = everything(connection)
    build(connection, url=database, select=SELECT, is_full=True)
    assert everything(connection) == kept


def add_accounts(world):
    for user in ("u1", "u2", "tester"):
        world.put(
            "persons",
            user_id=user,
            role="customer",
            is_internal=False,
            is_test=user == "tester",
            registered_at=START - timedelta(days=30),
        )


def stored_movements(connection):
    """Return key, user, outcome, reason and paid-out amount of every movement."""
    rows = connection.execute(
        "select movement_id, order_key, user_id, order_outcome, set_aside_reason, "
        "paid_out_minor from marts.money_movements"
    ).fetchall()
    connection.commit()
    return {row[0]: row[1:] for row in rows}


def told_movements(world):
    names = ("key", "user", "outcome", "reason", "paid_out")
    return {
        movement_id: tuple(row.get(name) for name in names)
        for movement_id, row in movements_of(world.tables).items()
    }


def stored_payouts(connection):
    """Return what was charged, kept and refunded in the period of every payout."""
    rows = connection.execute(
        "select payout_id, ledger_charged_minor, ledger_fee_minor, "
        "ledger_refunded_minor, movement_count from marts.payouts_reconciled"
    ).fetchall()
    connection.commit()
    return {row[0]: row[1:] for row in rows}


def told_payouts(world):
    moved = movements_of(world.tables).values()
    told = {}
    for payout_id, payout in world.tables["payouts"].items():
        first, last = payout["period_starts_on"], payout["period_ends_on"]
        rows = [
            row
            for row in moved
            if row.get("kind") and not row["reason"] and first
            if row["provider"] == payout["provider_id"]
            and row["currency"] == payout["currency"]
            and first <= row["cash"] <= last
        ]
        sums = (
            sum(row.get(name) or 0 for row in rows)
            for name in ("charged", "fee", "refunded")
        )
        told[payout_id] = (*sums, len(rows))
    return told


def stored_revenue(connection):
    found = {}
    for name, column in MEASURES.items():
        rows = connection.execute(
            f"select basis, day, provider_id, service, currency, {column} "
            f"from marts.revenue_daily where {column} <> 0"
        ).fetchall()
        found |= {(name, *row[:5]): int(row[5]) for row in rows}
    connection.commit()
    return found


def everything(connection):
    tables = [name.removeprefix("+") for name in SELECT]
    rows = [
        connection.execute(
            f"select * from marts.{table} as listed order by listed::text"
        ).fetchall()
        for table in tables
    ]
    connection.commit()
    return rows


def assert_equal(found, expected):
    wrong = {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    }
    assert not wrong, dict(sorted(wrong.items(), key=str)[:5])
