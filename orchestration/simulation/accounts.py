"""Accounts at the end of a world: bookings, orders, money, utilisation, experiments."""

import numpy as np
import polars as pl

from orchestration.simulation.app_money import (
    captured,
    fee_of_ticket,
)
from orchestration.simulation.app_payouts import payout_amounts
from orchestration.simulation.app_people import users
from orchestration.simulation.bookings import Bookings
from orchestration.simulation.catalogue import (
    CAMPAIGNS,
    CURRENCIES,
    OCCASION_LENGTH,
    SITES,
)
from orchestration.simulation.days import Planner
from orchestration.simulation.leads import identities_of
from orchestration.simulation.orders import NOTICE
from orchestration.simulation.outcomes import experiments_of
from orchestration.simulation.people import CUSTOMER, KIND_NAMES, NOBODY
from orchestration.simulation.services import (
    SLOW_DAY,
    SLOW_ENDPOINT,
    SLOW_FROM,
    SLOW_LENGTH,
)
from orchestration.simulation.setting import Setting
from orchestration.simulation.texts import (
    instants_before,
    instants_of,
    numbered,
    picked,
    repeated,
)
from orchestration.simulation.truth import Truth
from orchestration.simulation.utilisation import utilisation_of
from orchestration.simulation.visits import DROP_DAY

TIMES_OF_BOOKINGS = (
    "requested_at",
    "decided_at",
    "paid_at",
    "ended_at",
    "refunded_at",
    "reviewed_at",
)


def tables_of_truth(planner: Planner, truth: Truth) -> None:
    """Add what is known once the last day is planned."""
    setting = planner.setting
    bookings = bookings_at_end(planner.bookings)
    orders = orders_at_end(planner)
    truth.add("bookings", bookings)
    truth.add("orders", orders)
    paid = payments_of(planner)
    truth.add("payments", paid)
    truth.add("money_daily", money_daily(bookings, orders, paid))
    truth.add("payouts", payouts_of(planner))
    truth.add("utilisation", utilisation_of(planner.bookings))
    truth.add("devices", devices_of(setting))
    truth.add("anomalies", anomalies_of(setting))
    truth.add("experiments", experiments_of(truth))
    truth.add("funnel_persons", funnel_of(planner, bookings))
    truth.add("identities", identities_of(planner))
    truth.add("accounts", accounts_of(planner))


def accounts_of(planner: Planner) -> pl.DataFrame:
    """Return who has an account, since when, and as what."""
    return users(planner).select(
        "role", user_id="id", registered_at="created_at", is_test="is_test_account"
    )


def bookings_at_end(bookings: Bookings) -> pl.DataFrame:
    """Return one row per booking as it stands at the end of the world."""
    setting, table = bookings.setting, bookings.table
    provider = table["provider"]
    site = setting.catalogue.provider_site[provider]
    codes = pl.Series([code for code, *_ in CAMPAIGNS])
    frame = pl.DataFrame(
        {
            "booking_id": numbered("bkg_", np.arange(len(table))),
            "user_id": picked(setting.people.user_id, table["customer"]),
            "provider_id": numbered("prv_", provider, 6),
            "listing_id": numbered("lst_", table["listing"], 6),
            "vertical": picked(pl.Series(SITES), site),
            "state": bookings.states(),
            **{
                name: instants_before(table[name], setting.world.end)
                for name in TIMES_OF_BOOKINGS
            },
            "starts_at": instants_of(table["starts_at"]),
            "ends_at": instants_of(table["ends_at"]),
            **_amounts_of(bookings),
            "utm_campaign": picked(codes, table["campaign"]),
            "has_event": table["has_event"] == 1,
            "is_deleted": bookings.is_tidied(),
            "is_quarantined": _has_come(bookings.refused_again_at(), setting),
            "is_test": setting.people.is_test[table["customer"]],
        }
    )
    return frame.filter(pl.col("requested_at").is_not_null())


def _has_come(times: np.ndarray, setting: Setting) -> np.ndarray:
    return (times >= 0) & (times < setting.world.end)


def _amounts_of(bookings: Bookings) -> dict[str, pl.Series | np.ndarray]:
    """Return what bookings cost, what came back, and how they were rated."""
    catalogue, table = bookings.setting.catalogue, bookings.table
    end = bookings.setting.world.end
    refunded = (table["refunded_at"] >= 0) & (table["refunded_at"] < end)
    reviewed = (table["reviewed_at"] >= 0) & (table["reviewed_at"] < end)
    rating = pl.Series(np.where(reviewed, table["rating"], 0))
    currency = catalogue.provider_currency[table["provider"]]
    return {
        "list_minor": table["list_price"].copy(),
        "discount_minor": table["discount"].copy(),
        "charged_minor": table["total"].copy(),
        "fee_minor": table["fee"].copy(),
        "tax_minor": table["tax"].copy(),
        "refund_minor": np.where(refunded, table["refund"], 0),
        "currency": picked(pl.Series(CURRENCIES), currency),
        "rating": rating.replace(0, None),
    }


def orders_at_end(planner: Planner) -> pl.DataFrame:
    """Return one row per order of tickets."""
    setting, table = planner.setting, planner.orders.table
    end = setting.world.end
    minor = table["quantity"] * table["price"]
    refunded = planner.orders.refunded_at()
    starts = setting.catalogue.occasion_starts[table["occasion"]]
    cancelled = setting.catalogue.occasion_cancelled[table["occasion"]]
    took_place = (starts < end) & ~cancelled
    return pl.DataFrame(
        {
            "order_id": numbered("ord_", np.arange(len(table))),
            "user_id": picked(setting.people.user_id, table["buyer"]),
            "occasion_id": numbered("occ_", table["occasion"], 6),
            "provider_id": numbered(
                "prv_", setting.catalogue.occasion_provider[table["occasion"]], 6
            ),
            "starts_at": instants_of(starts),
            "purchased_at": instants_before(table["purchased_at"], end),
            "ticket_count": table["quantity"].copy(),
            "attended_count": np.where(took_place, table["came"], 0),
            "took_place": took_place,
            "is_over": (starts + OCCASION_LENGTH < end)
            | (cancelled & (starts - NOTICE < end)),
            "charged_minor": minor,
            "fee_minor": fee_of_ticket(table["price"]) * table["quantity"],
            "currency": repeated("EUR", len(table)),
            "refunded_at": instants_before(refunded, end),
            "refund_minor": np.where((refunded >= 0) & (refunded < end), minor, 0),
            "is_test": setting.people.is_test[table["buyer"]],
        }
    ).filter(pl.col("purchased_at").is_not_null())


def payments_of(planner: Planner) -> pl.DataFrame:
    """Return what was captured for bookings; whole, short, again or stray."""
    setting, table = planner.setting, planner.bookings.table
    taken = captured(planner)
    number = taken["number"].to_numpy()
    currency = setting.catalogue.provider_currency[table["provider"][number]]
    return taken.select(
        numbered("bkg_", number).alias("booking_id"),
        "kind",
        pl.col("amount").alias("amount_minor"),
        pl.col("at").cast(pl.Datetime("us", "UTC")).alias("paid_at"),
        picked(pl.Series(CURRENCIES), currency).alias("currency"),
        pl.Series(setting.people.is_test[table["customer"][number]]).alias("is_test"),
    )


def money_daily(
    bookings: pl.DataFrame, orders: pl.DataFrame, paid: pl.DataFrame
) -> pl.DataFrame:
    """Return sums per day, currency and kind of date, tests included apart."""
    parts = []
    is_stray = pl.col("kind") == "stray"
    for kind, frame, at, amount in (
        ("booking_accepted", _accepted(bookings), "decided_at", "charged_minor"),
        ("booking_paid", paid.filter(~is_stray), "paid_at", "amount_minor"),
        ("stray_paid", paid.filter(is_stray), "paid_at", "amount_minor"),
        ("booking_refunded", bookings, "refunded_at", "refund_minor"),
        (
            "booking_served",
            bookings.filter(pl.col("state") == "completed"),
            "ends_at",
            "charged_minor",
        ),
        ("order_paid", orders, "purchased_at", "charged_minor"),
        ("order_refunded", orders, "refunded_at", "refund_minor"),
    ):
        rows = frame.filter(pl.col(at).is_not_null() & (pl.col(amount) > 0))
        parts.append(
            rows.group_by(
                pl.col(at).dt.date().alias("day"),
                pl.lit(kind).alias("kind"),
                "currency",
                "is_test",
            ).agg(
                pl.len().cast(pl.Int64).alias("row_count"),
                pl.col(amount).sum().cast(pl.Int64).alias("amount_minor"),
            )
        )
    return pl.concat(parts).sort("day", "kind", "currency", "is_test")


def _accepted(bookings: pl.DataFrame) -> pl.DataFrame:
    refused = pl.col("state").is_in(["requested", "declined", "expired"])
    return bookings.filter(~refused)


def payouts_of(planner: Planner) -> pl.DataFrame:
    """Return the payouts in minor units, with what is wrong with them."""
    rows = payout_amounts(planner)
    provider = rows["provider"].to_numpy()
    currency = planner.setting.catalogue.provider_currency[provider]
    return rows.drop("provider").with_columns(
        numbered("prv_", provider, 6).alias("provider_id"),
        picked(pl.Series(CURRENCIES), currency).alias("currency"),
    )


def devices_of(setting: Setting) -> pl.DataFrame:
    """Return one row per device and what is special about it."""
    devices, people = setting.devices, setting.people
    partner = np.where(devices.is_shared, people.partner[devices.owner], NOBODY)
    return pl.DataFrame(
        {
            "device_id": devices.device_id,
            "kind": picked(pl.Series(KIND_NAMES), people.kind[devices.owner]),
            "user_id": picked(people.user_id, devices.owner),
            "other_user_id": picked(people.user_id, partner),
            "is_shared": devices.is_shared,
            "is_mobile": devices.is_mobile,
            "clock_error_seconds": devices.skew / 1_000_000,
            "has_sent_time": devices.has_sent_time,
            "is_recoverable": devices.is_recoverable,
            "keeps_session_id": devices.keeps_session_id,
            "has_consent": devices.has_consent,
            "is_test": people.is_test[devices.owner],
        }
    )


def anomalies_of(setting: Setting) -> pl.DataFrame:
    """Return what was planted on purpose and should be noticed."""
    world = setting.world
    rows = [
        (
            "volume_drop",
            world.start_of(DROP_DAY),
            world.start_of(DROP_DAY + 1),
            "visits",
        ),
        (
            "slow_endpoint",
            world.start_of(SLOW_DAY) + SLOW_FROM,
            world.start_of(SLOW_DAY) + SLOW_FROM + SLOW_LENGTH,
            f"endpoint {SLOW_ENDPOINT}",
        ),
    ]
    frame = pl.DataFrame(
        rows, schema=["kind", "starts_at", "ends_at", "subject"], orient="row"
    )
    times = pl.col("starts_at", "ends_at").cast(pl.Datetime("us", "UTC"))
    return frame.filter(pl.col("starts_at") < world.end).with_columns(times)


def funnel_of(planner: Planner, bookings: pl.DataFrame) -> pl.DataFrame:
    """Return per user who registered in the world when each step was first reached.

    Bookings by telephone count: they are facts of the app database.
    """
    people, world = planner.setting.people, planner.setting.world
    # Whoever meant to, but did not come by, has not registered.
    new = np.flatnonzero(
        planner.progress.is_registered
        & (people.register_day >= 0)
        & (people.kind == CUSTOMER)
    )
    joined = people.joined_at[new]
    registered = pl.DataFrame(
        {
            "user_id": picked(people.user_id, new),
            "registered_at": instants_before(joined, world.end),
            "has_consent": people.has_consent[new],
            "is_test": people.is_test[new],
        }
    ).filter(pl.col("registered_at").is_not_null())
    accepted = pl.when(~pl.col("state").is_in(["requested", "declined", "expired"]))
    steps = bookings.group_by("user_id").agg(
        pl.col("requested_at").min().alias("first_requested_at"),
        accepted.then(pl.col("decided_at")).min().alias("first_accepted_at"),
        pl.col("paid_at").min().alias("first_paid_at"),
    )
    return registered.join(steps, on="user_id", how="left").sort("user_id")
