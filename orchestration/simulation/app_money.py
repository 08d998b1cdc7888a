"""Money in the app database: payments, refunds and the payouts they add up to."""

from datetime import timedelta

import numpy as np
import polars as pl

from orchestration.simulation.bookings import COMPLETED
from orchestration.simulation.catalogue import CURRENCIES, EXPONENTS
from orchestration.simulation.days import Planner
from orchestration.simulation.texts import (
    decimals,
    instants_before,
    numbered,
    picked,
    repeated,
)
from orchestration.simulation.world import DAY, HOUR

REASONS = pl.Series(["cancelled", "goodwill"])
METHODS = pl.Series(["card", "wallet", "transfer", "cash"])
TICKET_FEE = 0.08
WEEK = 7 * DAY
# Some payouts are a cent off: a reconciliation must find them.
WRONG_ONE_IN = 41


def fee_of_ticket(price: np.ndarray) -> np.ndarray:
    """Return the platform's fee on tickets, in minor units."""
    return np.rint(price * TICKET_FEE).astype(np.int64)


def payments(planner: Planner) -> pl.DataFrame:
    """Return all payments."""
    return pl.concat([booking_payments(planner), order_payments(planner)])


def booking_payments(planner: Planner) -> pl.DataFrame:
    """Return captured and failed payments of bookings."""
    setting, table = planner.setting, planner.bookings.table
    end = setting.world.end
    currency = setting.catalogue.provider_currency[table["provider"]]
    parts = []
    for prefix, status, at in (
        ("pay_", "captured", table["paid_at"]),
        ("payf_", "failed", table["failed_at"]),
    ):
        number = np.flatnonzero((at >= 0) & (at < end))
        times = instants_before(at[number], end)
        parts.append(
            pl.DataFrame(
                {
                    "id": numbered(prefix, number),
                    "booking_id": numbered("bkg_", number),
                    "order_number": _nothing(len(number)),
                    "payer_id": picked(
                        setting.people.user_id, table["customer"][number]
                    ),
                    "amount": decimals(
                        table["total"][number], EXPONENTS[currency[number]]
                    ),
                    "currency": picked(pl.Series(CURRENCIES), currency[number]),
                    "method": picked(METHODS, number % 4),
                    "status": repeated(status, len(number)),
                    "processor_reference": numbered("ch_" + prefix, number),
                    "captured_at": times
                    if status == "captured"
                    else _no_time(len(number)),
                    "created_at": times,
                    "updated_at": times,
                }
            )
        )
    return pl.concat(parts)


def order_payments(planner: Planner) -> pl.DataFrame:
    """Return the payments of orders; what is free is not paid for."""
    setting, table = planner.setting, planner.orders.table
    end = setting.world.end
    amount = table["quantity"] * table["price"]
    number = np.flatnonzero((amount > 0) & (table["purchased_at"] < end))
    times = instants_before(table["purchased_at"][number], end)
    count = len(number)
    return pl.DataFrame(
        {
            "id": numbered("payo_", number),
            "booking_id": _nothing(count),
            "order_number": numbered("ord_", number),
            "payer_id": picked(setting.people.user_id, table["buyer"][number]),
            "amount": decimals(amount[number], np.full(count, 2)),
            "currency": repeated("EUR", count),
            "method": picked(METHODS, number % 2),
            "status": repeated("captured", count),
            "processor_reference": numbered("ch_payo_", number),
            "captured_at": times,
            "created_at": times,
            "updated_at": times,
        }
    )


def refunds(planner: Planner) -> pl.DataFrame:
    """Return what was paid back, for bookings and for called-off occasions."""
    setting = planner.setting
    bookings, orders = planner.bookings.table, planner.orders.table
    end = setting.world.end
    back = bookings["refunded_at"]
    number = np.flatnonzero((back >= 0) & (back < end))
    currency = setting.catalogue.provider_currency[bookings["provider"][number]]
    of_bookings = pl.DataFrame(
        {
            "id": numbered("rfd_", number),
            "payment_id": numbered("pay_", number),
            "amount": decimals(bookings["refund"][number], EXPONENTS[currency]),
            "currency": picked(pl.Series(CURRENCIES), currency),
            "reason": picked(REASONS, (bookings["ending"][number] == COMPLETED) * 1),
            "refunded_at": instants_before(back[number], end),
        }
    )
    back = planner.orders.refunded_at()
    number = np.flatnonzero((back >= 0) & (back < end))
    amount = (orders["quantity"] * orders["price"])[number]
    of_orders = pl.DataFrame(
        {
            "id": numbered("rfdo_", number),
            "payment_id": numbered("payo_", number),
            "amount": decimals(amount, np.full(len(number), 2)),
            "currency": repeated("EUR", len(number)),
            "reason": repeated("called_off", len(number)),
            "refunded_at": instants_before(back[number], end),
        }
    )
    both = pl.concat([of_bookings, of_orders])
    return both.with_columns(pl.col("refunded_at").alias("updated_at"))


def ledger_of(planner: Planner) -> pl.DataFrame:
    """Return every movement of money: provider, instant, charged, fee, refund."""
    setting = planner.setting
    end, catalogue = setting.world.end, setting.catalogue
    bookings, orders = planner.bookings.table, planner.orders.table
    organiser = catalogue.occasion_provider[orders["occasion"]]
    price, quantity = orders["price"], orders["quantity"]
    nothing = np.zeros(len(bookings), dtype=np.int64)
    none = np.zeros(len(orders), dtype=np.int64)
    movements = (
        (
            bookings["provider"],
            bookings["paid_at"],
            bookings["total"],
            bookings["fee"],
            nothing,
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
    rows = payout_amounts(planner)
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
            "id": numbered("pyo_", rows["provider"].to_numpy() * 1_000 + week),
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
    """Return the sums behind every payout, in minor units, and which are a cent off."""
    world = planner.setting.world
    week = ((pl.col("at") - world.start_of(0)) // WEEK).alias("week")
    sums = (
        ledger_of(planner)
        .group_by("provider", week)
        .agg(
            pl.col("charged").sum().alias("gross"),
            pl.col("fee").sum().alias("fees"),
            pl.col("refund").sum().alias("refunds"),
        )
    )
    # A week is paid out when it is over.
    over = world.start_of(0) + (pl.col("week") + 1) * WEEK <= world.end
    is_wrong = (pl.col("provider") * 7 + pl.col("week")) % WRONG_ONE_IN == 0
    moved = (pl.col("gross") + pl.col("refunds")) > 0
    net = pl.col("gross") - pl.col("fees") - pl.col("refunds") + is_wrong.cast(pl.Int64)
    return (
        sums.filter(over & moved)
        .with_columns(
            pl.lit(0, dtype=pl.Int64).alias("adjustments"),
            net.alias("net"),
            is_wrong.alias("is_wrong"),
        )
        .sort("provider", "week")
    )


def _signed(minor: np.ndarray, exponents: np.ndarray) -> pl.Series:
    """Return amounts that may be negative."""
    text = decimals(np.abs(minor), exponents)
    negative = pl.Series(minor < 0)
    return pl.select(pl.when(negative).then("-" + text).otherwise(text)).to_series()


def _nothing(count: int) -> pl.Series:
    return pl.Series([None] * count, dtype=pl.String)


def _no_time(count: int) -> pl.Series:
    return pl.Series([None] * count, dtype=pl.Datetime("us", "UTC"))
