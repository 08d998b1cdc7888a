"""Payouts in the app database, and what is wrong with some of them."""

from datetime import timedelta

import numpy as np
import polars as pl

from orchestration.simulation.app_money import captured, fee_of_ticket
from orchestration.simulation.catalogue import CURRENCIES, EXPONENTS
from orchestration.simulation.days import Planner
from orchestration.simulation.texts import (
    decimals,
    instants_before,
    numbered,
    picked,
)
from orchestration.simulation.world import DAY, HOUR

WEEK = 7 * DAY
# Some payouts are a cent off: a reconciliation must find them.
WRONG_ONE_IN = 41
# Weeks that were never paid out, payouts made twice, and for weeks without any money.
LOST_ONE_IN = 9
DOUBLE_ONE_IN = 8
IDLE_ONE_IN = 2
IDLE_MINOR = 1_000
# Providers whose last payment of every other week is in the payout of the next one.
LATE_ONE_IN = 3
LATE_DAYS = 3


def ledger_of(planner: Planner) -> pl.DataFrame:
    """Return every movement of money: provider, instant, charged, fee, refund."""
    end, catalogue = planner.setting.world.end, planner.setting.catalogue
    bookings, orders = planner.bookings.table, planner.orders.table
    organiser = catalogue.occasion_provider[orders["occasion"]]
    price, quantity = orders["price"], orders["quantity"]
    nothing, none = bookings["fee"] * 0, orders["price"] * 0
    taken = captured(planner).filter(pl.col("kind") != "stray")
    number = taken["number"].to_numpy()
    fee = np.where(taken["kind"] != "again", bookings["fee"][number], 0)
    movements = (
        (
            bookings["provider"][number],
            taken["at"].to_numpy(),
            taken["amount"].to_numpy(),
            fee,
            np.zeros_like(fee),
        ),
        (
            bookings["provider"],
            bookings["refunded_at"],
            nothing,
            nothing,
            bookings["refund"],
        ),
        (
            organiser,
            orders["purchased_at"],
            price * quantity,
            fee_of_ticket(price) * quantity,
            none,
        ),
        (organiser, planner.orders.refunded_at(), none, none, price * quantity),
    )
    names = ("provider", "at", "charged", "fee", "refund")
    frames = [
        pl.DataFrame(
            {name: column.copy() for name, column in zip(names, row, strict=True)}
        )
        for row in movements
    ]
    return pl.concat(frames).filter((pl.col("at") >= 0) & (pl.col("at") < end))


def payouts(planner: Planner) -> pl.DataFrame:
    """Return one payout per provider and week in which money moved."""
    rows = payout_amounts(planner).filter(~pl.col("is_lost"))
    rows = pl.concat([rows, rows.filter("is_double").with_columns(is_again=True)])
    setting = planner.setting
    currency = setting.catalogue.provider_currency[rows["provider"].to_numpy()]
    exponent = EXPONENTS[currency]
    week = rows["week"].to_numpy()
    start = [setting.world.date_of(7 * number) for number in week.tolist()]
    paid = pl.Series(setting.world.start_of(0) + (week + 1) * WEEK + 10 * HOUR)
    paid_at = instants_before(paid.to_numpy(), setting.world.end)
    closed = (paid - 10 * HOUR).cast(pl.Datetime("us", "UTC"))
    amounts = {
        name: _signed(rows[name].to_numpy(), exponent)
        for name in ("gross", "fees", "refunds", "adjustments", "net")
    }
    return pl.DataFrame(
        {
            "id": rows.select(
                numbered("pyo_", rows["provider"].to_numpy() * 1_000 + week)
                + pl.when("is_again").then(pl.lit("b")).otherwise(pl.lit(""))
            ).to_series(),
            "provider_id": numbered("prv_", rows["provider"].to_numpy(), 6),
            "period_start": start,
            "period_end": [first + timedelta(days=6) for first in start],
            **amounts,
            "currency": picked(pl.Series(CURRENCIES), currency),
            "status": pl.select(
                pl.when(paid_at.is_null())
                .then(pl.lit("pending"))
                .otherwise(pl.lit("paid"))
            ).to_series(),
            "paid_at": paid_at,
            "created_at": closed,
            "updated_at": pl.select(pl.coalesce(paid_at, closed)).to_series(),
        }
    )


def payout_amounts(planner: Planner) -> pl.DataFrame:
    """Return the sums behind every payout, in minor units, and what is wrong.

    A payout is what it is from the end of its week on, whatever follows.
    """
    world = planner.setting.world
    since = pl.col("at") - world.start_of(0)
    ledger = ledger_of(planner).select(
        "provider",
        (since // WEEK).alias("week"),
        *("charged", "fee", "refund", "at"),
        pl.lit(value=False).alias("is_late"),
    )
    ends = since % WEEK >= WEEK - LATE_DAYS * DAY
    late = _paid_out_late(ledger.filter(ends), ledger)
    sums = (
        pl.concat([ledger.drop("at"), late])
        .group_by("provider", "week")
        .agg(
            pl.col("charged").sum().alias("gross"),
            pl.col("fee").sum().alias("fees"),
            pl.col("refund").sum().alias("refunds"),
            pl.col("is_late").any(),
            pl.col("is_late").all().alias("is_idle"),
        )
    )
    # A week is paid out when it is over.
    over = world.start_of(0) + (pl.col("week") + 1) * WEEK <= world.end
    moved = (pl.col("gross") + pl.col("refunds")) > 0
    sums = sums.filter(moved)
    sums = pl.concat([sums, _of_idle_weeks(planner, sums)])
    net = pl.col("gross") - pl.col("fees") - pl.col("refunds")
    return (
        sums.filter(over)
        .with_columns(
            *(flag.alias(name) for name, flag in _wrongs(pl.col("is_idle")).items()),
            pl.lit(0, dtype=pl.Int64).alias("adjustments"),
            pl.lit(value=False).alias("is_again"),
        )
        .with_columns((net + pl.col("is_wrong").cast(pl.Int64)).alias("net"))
        .sort("provider", "week")
    )


def _wrongs(is_idle: pl.Expr, week: pl.Expr | None = None) -> dict[str, pl.Expr]:
    """Tell what is wrong with the payout of a week in which money moved."""
    provider, week = pl.col("provider"), pl.col("week") if week is None else week
    return {
        "is_wrong": ((provider * 7 + week) % WRONG_ONE_IN == 0) & ~is_idle,
        "is_lost": ((provider * 5 + week) % LOST_ONE_IN == 1) & ~is_idle,
        "is_double": ((provider * 3 + week) % DOUBLE_ONE_IN == 2) & ~is_idle,
    }


def _paid_out_late(ends: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Return what moves payments at the end of every other week into the next one.

    Nothing else is wrong with the two payouts, and the first has other money.
    """
    key = ["provider", "week"]
    is_sound = (pl.col("week") % 2 == 0) & (pl.col("provider") % LATE_ONE_IN == 1)
    for week in (pl.col("week"), pl.col("week") + 1):
        wrongs = _wrongs(pl.lit(value=False), week)
        is_sound &= ~wrongs["is_wrong"] & ~wrongs["is_lost"]
    late = (
        ends.filter(is_sound, pl.col("charged") > 0)
        .sort("at", "charged", "fee", descending=True)
        .group_by(key)
        .agg(pl.col("charged", "fee").first())
        .join(ledger.group_by(key).agg(pl.col("charged").sum().alias("gross")), on=key)
        .filter(pl.col("gross") > pl.col("charged"))
    )
    return pl.concat(
        late.select(
            "provider",
            pl.col("week") + after,
            pl.col("charged", "fee") * sign,
            pl.lit(0, dtype=pl.Int64).alias("refund"),
            pl.lit(value=True).alias("is_late"),
        )
        for after, sign in ((0, -1), (1, 1))
    )


def _of_idle_weeks(planner: Planner, sums: pl.DataFrame) -> pl.DataFrame:
    """Return payouts of weeks in which no money of their providers moved."""
    count = len(planner.setting.catalogue.provider_person)
    number = np.arange(count * (planner.setting.world.days // 7))
    made = pl.DataFrame({"provider": number % count, "week": number // count})
    is_planted = (pl.col("provider") + pl.col("week")) % IDLE_ONE_IN == 1
    return (
        made.filter(is_planted)
        .join(sums, on=["provider", "week"], how="anti")
        .with_columns(
            pl.lit(IDLE_MINOR, dtype=pl.Int64).alias("gross"),
            *(pl.lit(0, dtype=pl.Int64).alias(name) for name in ("fees", "refunds")),
            pl.lit(value=False).alias("is_late"),
            pl.lit(value=True).alias("is_idle"),
        )
    )


def _signed(minor: np.ndarray, exponents: np.ndarray) -> pl.Series:
    """Return amounts that may be negative."""
    text = decimals(np.abs(minor), exponents)
    negative = pl.Series(minor < 0)
    return pl.select(pl.when(negative).then("-" + text).otherwise(text)).to_series()
