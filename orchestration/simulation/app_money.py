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
from orchestration.simulation.world import DAY, HOUR, MINUTE

REASONS = pl.Series(["cancelled", "goodwill"])
METHODS = pl.Series(["card", "wallet", "transfer", "cash"])
TICKET_FEE = 0.08
WEEK = 7 * DAY
SATURDAY = 5
# Some payouts are a cent off: a reconciliation must find them.
WRONG_ONE_IN = 41
# Weeks that were never paid out, and payouts made twice.
LOST_ONE_IN = 9
DOUBLE_ONE_IN = 8
# Payments that do not agree with their order.
SHORT_ONE_IN = 11
SHORT_BY = 100
AGAIN_ONE_IN = 13
STRAY_ONE_IN = 17


# What a unit of each currency was worth in EUR around the start, in billionths.
RATES = {"IDR": 58_500, "JPY": 6_120_000}
# Services are booked ahead; the rates of days to come are not known.
KNOWN_BEFORE = 100


def rate_on(currency: str, day: int) -> int:
    """Return what a unit is worth in EUR on a working day, in billionths."""
    base = RATES[currency]
    return base + base * ((day * 37) % 41 - 20) // 2_000


def fx_rates(planner: Planner) -> pl.DataFrame:
    """Return the rates of the working days so far, in EUR."""
    world = planner.setting.world
    rows = [
        {
            "currency": currency,
            "quoted_in": "EUR",
            "valid_on": world.date_of(day),
            "rate": f"{rate_on(currency, day) / 1e9:.9f}",
            "updated_at": world.start_of(day) + 16 * HOUR,
        }
        for currency in RATES
        for day in range(-KNOWN_BEFORE, world.days)
        if world.date_of(day).weekday() < SATURDAY
    ]
    stamp = pl.col("updated_at").cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(rows).with_columns(stamp)


def fee_of_ticket(price: np.ndarray) -> np.ndarray:
    """Return the platform's fee on tickets, in minor units."""
    return np.rint(price * TICKET_FEE).astype(np.int64)


def payments(planner: Planner) -> pl.DataFrame:
    """Return all payments."""
    return pl.concat([booking_payments(planner), order_payments(planner)])


def captured(planner: Planner) -> pl.DataFrame:
    """Return what was captured for bookings: number, what is wrong with it, amount, at.

    A few are paid twice, a few a little short, and a few came without an order.
    """
    table = planner.bookings.table
    paid = np.flatnonzero(table["paid_at"] >= 0)
    total, at = table["total"][paid], table["paid_at"][paid]
    is_short = (paid % SHORT_ONE_IN == 1) & (total > SHORT_BY)
    parts = (
        ("whole", paid[~is_short], total[~is_short], at[~is_short]),
        ("short", paid[is_short], total[is_short] - SHORT_BY, at[is_short]),
        *(
            (kind, paid[chosen], total[chosen], at[chosen] + MINUTE)
            for kind, chosen in (
                ("again", (paid % AGAIN_ONE_IN == 2) & ~is_short),
                ("stray", paid % STRAY_ONE_IN == 3),
            )
        ),
    )
    frames = [
        pl.DataFrame(
            {
                "number": number,
                "kind": repeated(kind, len(number)),
                "amount": amount,
                "at": when,
            }
        )
        for kind, number, amount, when in parts
    ]
    return pl.concat(frames).filter(pl.col("at") < planner.setting.world.end)


def booking_payments(planner: Planner) -> pl.DataFrame:
    """Return captured and failed payments of bookings."""
    table, end = planner.bookings.table, planner.setting.world.end
    taken = captured(planner)
    parts = [
        _payments(planner, prefix, taken.filter(pl.col("kind").is_in(kinds)))
        for prefix, kinds in (
            ("pay_", ("whole", "short")),
            ("payd_", ("again",)),
            ("payl_", ("stray",)),
        )
    ]
    number = np.flatnonzero((table["failed_at"] >= 0) & (table["failed_at"] < end))
    tried = pl.DataFrame(
        {
            "number": number,
            "amount": table["total"][number],
            "at": table["failed_at"][number],
        }
    )
    failed = _payments(planner, "payf_", tried).with_columns(
        pl.lit("failed").alias("status"), _no_time(len(tried)).alias("captured_at")
    )
    return pl.concat([*parts, failed])


def _payments(planner: Planner, prefix: str, taken: pl.DataFrame) -> pl.DataFrame:
    """Return payments of bookings; stray ones name an order that nobody has."""
    setting, table = planner.setting, planner.bookings.table
    number = taken["number"].to_numpy()
    currency = setting.catalogue.provider_currency[table["provider"][number]]
    times = instants_before(taken["at"].to_numpy(), setting.world.end)
    is_stray = prefix == "payl_"
    nothing = _nothing(len(number))
    return pl.DataFrame(
        {
            "id": numbered(prefix, number),
            "booking_id": nothing if is_stray else numbered("bkg_", number),
            "order_number": numbered("ord_lost_", number) if is_stray else nothing,
            "payer_id": picked(setting.people.user_id, table["customer"][number]),
            "amount": decimals(taken["amount"].to_numpy(), EXPONENTS[currency]),
            "currency": picked(pl.Series(CURRENCIES), currency),
            "method": picked(METHODS, number % 4),
            "status": repeated("captured", len(number)),
            "processor_reference": numbered("ch_" + prefix, number),
            "captured_at": times,
            "created_at": times,
            "updated_at": times,
        }
    )


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
    """Return the sums behind every payout, in minor units, and what is wrong."""
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
            ((pl.col("provider") * 5 + pl.col("week")) % LOST_ONE_IN == 1).alias(
                "is_lost"
            ),
            ((pl.col("provider") * 3 + pl.col("week")) % DOUBLE_ONE_IN == 2).alias(
                "is_double"
            ),
            pl.lit(value=False).alias("is_again"),
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
