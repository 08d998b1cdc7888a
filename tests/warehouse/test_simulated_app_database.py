"""The simulated app database: what it holds agrees with the truth, day after day."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import psycopg
import pytest

from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World

WORLD = World(seed=9, persons=600, days=20, start_on=date(2026, 10, 1), activity=0.5)


@pytest.fixture
def app(empty_database, tmp_path):
    def brought_to(days):
        world = replace(WORLD, days=days)
        simulate(world, tmp_path / "landing", tmp_path / "truth", empty_database)
        return empty_database, tmp_path / "truth"

    return brought_to


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_bookings_stand_as_the_truth_says(app):
    url, truth = app(20)
    bookings = pl.read_parquet(truth / "bookings.parquet").filter(~pl.col("is_deleted"))
    expected = dict(bookings.select("booking_id", "state").iter_rows())
    assert dict(rows(url, "select id, status from bookings")) == expected
    assert len(expected) > 100


def test_the_last_logged_state_is_the_state(app):
    url, _ = app(20)
    differing = rows(
        url,
        """
        select bookings.id
        from bookings
        where status <> (
            select new_status from booking_events
            where booking_id = bookings.id order by changed_at desc limit 1
        )
        """,
    )
    assert not differing


def test_payments_and_refunds_add_up_to_the_truth(app):
    url, truth = app(20)
    money = pl.read_parquet(truth / "money_daily.parquet")

    def told(*kinds):
        found = money.filter(
            pl.col("kind").is_in(kinds) & (pl.col("currency") == "EUR")
        )
        return Decimal(found["amount_minor"].sum()) / 100

    paid = (
        "select sum(amount) from payments "
        "where status = 'captured' and currency = 'EUR'"
    )
    assert rows(url, paid) == [(told("booking_paid", "order_paid", "stray_paid"),)]
    back = "select coalesce(sum(amount), 0) from refunds where currency = 'EUR'"
    assert rows(url, back) == [(told("booking_refunded", "order_refunded"),)]


def test_a_payout_is_off_only_where_that_was_planted(app):
    url, truth = app(20)
    planted = pl.read_parquet(truth / "payouts.parquet")["is_wrong"].sum()
    wrong = rows(
        url,
        "select net - (gross - fees - refunds + adjustments) from payouts "
        "where net <> gross - fees - refunds + adjustments",
    )
    assert len(wrong) == planted
    assert all(difference in {Decimal("0.01"), Decimal(1)} for (difference,) in wrong)


def test_another_day_changes_adds_and_deletes_rows(app):
    url, _ = app(17)
    before = dict(rows(url, "select id, updated_at from bookings"))
    slots = set(rows(url, "select id from availability_slots"))
    app(20)
    after = dict(rows(url, "select id, updated_at from bookings"))
    assert set(after) - set(before), "new bookings"
    assert set(before) - set(after), "deleted bookings"
    shared = set(before) & set(after)
    assert any(before[key] < after[key] for key in shared), "changed bookings"
    assert all(before[key] <= after[key] for key in shared), "stamps move forwards"
    assert slots - set(rows(url, "select id from availability_slots")), "withdrawn"


def test_the_same_day_again_changes_nothing(app):
    url, _ = app(17)
    query = "select xmin::text, bookings.* from bookings order by id"
    before = rows(url, query)
    app(17)
    assert rows(url, query) == before


def test_every_change_moves_the_change_stamp(app):
    url, _ = app(17)
    query = "select id, to_jsonb(bookings) - 'updated_at', updated_at from bookings"
    before = {key: (row, stamp) for key, row, stamp in rows(url, query)}
    app(20)
    for key, row, stamp in rows(url, query):
        old = before.get(key)
        assert old is None or (old[0] == row) == (old[1] == stamp)
