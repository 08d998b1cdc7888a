"""Dealings in the app database: bookings, tickets, attendance, reviews, messages."""

import numpy as np
import polars as pl

from orchestration.simulation.app_money import fee_of_ticket
from orchestration.simulation.bookings import DECISIONS, ENDINGS
from orchestration.simulation.catalogue import (
    CAMPAIGNS,
    CITIES,
    CURRENCIES,
    EXPONENTS,
    OCCASION_LENGTH,
)
from orchestration.simulation.days import Planner
from orchestration.simulation.people import NOBODY
from orchestration.simulation.texts import (
    decimals,
    instants_before,
    instants_of,
    numbered,
    picked,
    repeated,
)
from orchestration.simulation.world import HOUR


def bookings(planner: Planner) -> pl.DataFrame:
    """Return the bookings that are still there."""
    setting, table = planner.setting, planner.bookings.table
    catalogue, end = setting.catalogue, setting.world.end
    provider = table["provider"]
    currency = catalogue.provider_currency[provider]
    exponent = EXPONENTS[currency]
    number = np.arange(len(table))
    changed = _latest(
        end,
        table["requested_at"],
        table["decided_at"],
        table["paid_at"],
        table["ended_at"],
        planner.bookings.refused_again_at(),
    )
    funder = np.where(table["discount"] > 0, number % 2, NOBODY)
    frame = pl.DataFrame(
        {
            "id": numbered("bkg_", number),
            "customer_id": picked(setting.people.user_id, table["customer"]),
            "provider_id": numbered("prv_", provider, 6),
            "listing_id": numbered("lst_", table["listing"], 6),
            "status": planner.bookings.states(),
            "starts_at": instants_of(table["starts_at"]),
            "ends_at": instants_of(table["ends_at"]),
            "list_price": decimals(table["list_price"], exponent),
            "discount": decimals(table["discount"], exponent),
            "discount_funded_by": picked(pl.Series(["platform", "provider"]), funder),
            "total_price": decimals(table["total"], exponent),
            "tax": decimals(table["tax"], exponent),
            "platform_fee": decimals(table["fee"], exponent),
            "currency": picked(pl.Series(CURRENCIES), currency),
            "city": picked(pl.Series(CITIES), catalogue.provider_city[provider]),
            "campaign_code": picked(
                pl.Series([code for code, *_ in CAMPAIGNS]), table["campaign"]
            ),
            "created_at": instants_of(table["requested_at"]),
            "updated_at": instants_of(changed),
        }
    )
    return frame.filter(_stays(planner))


def _stays(planner: Planner) -> pl.Series:
    requested = planner.bookings.table["requested_at"]
    return pl.Series(
        ~planner.bookings.is_tidied() & (requested < planner.setting.world.end)
    )


def _latest(end: int, *times: np.ndarray) -> np.ndarray:
    """Return the latest of the times that have come."""
    latest = np.full(len(times[0]), -1)
    for time in times:
        latest = np.maximum(latest, np.where(time < end, time, -1))
    return latest


def booking_events(planner: Planner) -> pl.DataFrame:
    """Return the log of their states."""
    table, end = planner.bookings.table, planner.setting.world.end
    number, stays = np.arange(len(table)), _stays(planner)
    parts = []
    for step, (old, new, at, actor) in enumerate(_steps(planner)):
        times = instants_before(at, end)
        frame = pl.DataFrame(
            {
                "id": number * 8 + step,
                "booking_id": numbered("bkg_", number),
                "old_status": pl.Series(old.tolist(), dtype=pl.String),
                "new_status": pl.Series(new.tolist(), dtype=pl.String),
                "changed_by": repeated(actor, len(number)),
                "changed_at": times,
                "updated_at": times,
            }
        )
        parts.append(frame.filter(times.is_not_null() & stays))
    by = (
        pl.when(pl.col("new_status") == "expired")
        .then(pl.lit("system"))
        .when(pl.col("new_status").str.starts_with("cancelled_by_"))
        .then(pl.col("new_status").str.strip_prefix("cancelled_by_"))
        .otherwise("changed_by")
    )
    return pl.concat(parts).with_columns(by.alias("changed_by")).sort("id")


def _steps(planner: Planner) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, str]]:
    """Return the changes of state: from, to, when and usually by whom."""
    table, end = planner.bookings.table, planner.setting.world.end

    def always(word: str | None) -> np.ndarray:
        return np.full(len(table), word, dtype=object)

    decided, ended, before_end = always("requested"), always(None), always("accepted")
    for code, name in DECISIONS.items():
        decided[table["decision"] == code] = name
    for code, name in ENDINGS.items():
        ended[table["ending"] == code] = name
    before_end[(table["paid_at"] >= 0) & (table["paid_at"] < end)] = "paid"
    return [
        (always(None), always("requested"), table["requested_at"], "customer"),
        (always("requested"), decided, table["decided_at"], "provider"),
        (always("accepted"), always("paid"), table["paid_at"], "customer"),
        (before_end, ended, table["ended_at"], "system"),
        (decided, decided, planner.bookings.refused_again_at(), "provider"),
    ]


def tickets(planner: Planner) -> pl.DataFrame:
    """Return the places sold."""
    setting, table = planner.setting, planner.orders.table
    end = setting.world.end
    order = np.repeat(np.arange(len(table)), table["quantity"])
    refunded = planner.orders.refunded_at()[order]
    is_refunded = (refunded >= 0) & (refunded < end)
    price = table["price"][order]
    bought = table["purchased_at"][order]
    return pl.DataFrame(
        {
            "id": numbered("tkt_", order * 10 + _place_in_order(order)),
            "order_number": numbered("ord_", order),
            "occasion_id": numbered("occ_", table["occasion"][order], 6),
            "buyer_id": picked(setting.people.user_id, table["buyer"][order]),
            "tier": picked(pl.Series(["standard", "vip"]), table["tier"][order]),
            "price": decimals(price, np.full(len(order), 2)),
            "platform_fee": decimals(fee_of_ticket(price), np.full(len(order), 2)),
            "currency": repeated("EUR", len(order)),
            "status": picked(pl.Series(["valid", "refunded"]), is_refunded * 1),
            "purchased_at": instants_of(bought),
            "updated_at": instants_of(np.where(is_refunded, refunded, bought)),
        }
    ).filter(pl.Series(bought < end))


def attendance(planner: Planner) -> pl.DataFrame:
    """Return who turned up."""
    catalogue, table = planner.setting.catalogue, planner.orders.table
    end = planner.setting.world.end
    order = np.repeat(np.arange(len(table)), table["quantity"])
    place = _place_in_order(order)
    occasion = table["occasion"][order]
    starts = catalogue.occasion_starts[occasion]
    noted = starts + OCCASION_LENGTH
    took_place = (noted < end) & ~catalogue.occasion_cancelled[occasion]
    came = place < table["came"][order]
    frame = pl.DataFrame(
        {
            "id": numbered("att_", order * 10 + place),
            "ticket_id": numbered("tkt_", order * 10 + place),
            "occasion_id": numbered("occ_", occasion, 6),
            "outcome": picked(pl.Series(["absent", "checked_in"]), came * 1),
            "checked_in_at": instants_before(
                np.where(came, starts - HOUR // 4, -1), end
            ),
            "updated_at": instants_of(noted),
        }
    )
    return frame.filter(pl.Series(took_place))


def _place_in_order(order: np.ndarray) -> np.ndarray:
    first = np.flatnonzero(np.diff(order, prepend=-1))
    sizes = np.diff(np.append(first, len(order)))
    return np.arange(len(order)) - np.repeat(first, sizes)


def reviews(planner: Planner) -> pl.DataFrame:
    """Return what customers thought."""
    table, end = planner.bookings.table, planner.setting.world.end
    number = np.flatnonzero((table["rating"] > 0) & (table["reviewed_at"] < end))
    at = instants_of(table["reviewed_at"][number])
    return pl.DataFrame(
        {
            "id": numbered("rev_", number),
            "booking_id": numbered("bkg_", number),
            "author_id": picked(
                planner.setting.people.user_id, table["customer"][number]
            ),
            "provider_id": numbered("prv_", table["provider"][number], 6),
            "rating": table["rating"][number],
            "is_hidden": number % 50 == 0,
            "created_at": at,
            "updated_at": at,
        }
    )


def messages(planner: Planner) -> pl.DataFrame:
    """Return who wrote to whom, without the text."""
    table, users = planner.messages, planner.setting.people.user_id
    at = instants_of(table["sent_at"])
    frame = pl.DataFrame(
        {
            "id": numbered("msg_", np.arange(len(table))),
            "conversation_id": numbered("cht_", table["conversation"]),
            "sender_id": picked(users, table["sender"]),
            "recipient_id": picked(users, table["recipient"]),
            "body_length": table["length"].copy(),
            "has_attachment": np.zeros(len(table), dtype=bool),
            "sent_at": at,
            "read_at": pl.Series([None] * len(table), dtype=pl.Datetime("us", "UTC")),
            "updated_at": at,
        }
    )
    return frame.filter(pl.Series(table["sent_at"] < planner.setting.world.end))
