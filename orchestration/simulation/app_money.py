"""Money in the app database: payments and refunds."""

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
SATURDAY = 5
# Payments that do not agree with their order.
SHORT_ONE_IN = 11
SHORT_BY = 100
AGAIN_ONE_IN = 13
STRAY_ONE_IN = 17
# Payments that a bank took its time over: some are of the next month.
SLOW_ONE_IN = 5
SLOW_BY = 2 * DAY


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

    A few are paid twice, a few a little short, a few came without an order, and some
    days after the booking says so. Nothing else is wrong with the slow ones.
    """
    table = planner.bookings.table
    paid = np.flatnonzero(table["paid_at"] >= 0)
    total, at = table["total"][paid], table["paid_at"][paid]
    is_short = (paid % SHORT_ONE_IN == 1) & (total > SHORT_BY)
    is_again = (paid % AGAIN_ONE_IN == 2) & ~is_short
    is_stray = paid % STRAY_ONE_IN == 3
    is_slow = (paid % SLOW_ONE_IN == 4) & ~(is_short | is_again | is_stray)
    is_slow &= table["refunded_at"][paid] < 0
    parts = (
        (
            "whole",
            paid[~is_short],
            total[~is_short],
            (at + is_slow * SLOW_BY)[~is_short],
        ),
        ("short", paid[is_short], total[is_short] - SHORT_BY, at[is_short]),
        *(
            (kind, paid[chosen], total[chosen], at[chosen] + MINUTE)
            for kind, chosen in (("again", is_again), ("stray", is_stray))
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


def _nothing(count: int) -> pl.Series:
    return pl.Series([None] * count, dtype=pl.String)


def _no_time(count: int) -> pl.Series:
    return pl.Series([None] * count, dtype=pl.Datetime("us", "UTC"))
