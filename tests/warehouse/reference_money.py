"""Movements of money and revenue, worked out from the app's rows without SQL."""

from collections import Counter, defaultdict

KNOWN = {"EUR", "JPY"}
OPEN = {"requested", "accepted", "paid"}
DUE = {"paid", "completed", "no_show"}
AMOUNTS = ("list", "discount", "platform", "charged", "tax", "fee", "refunded")


def orders_of(tables):
    """Return every booking and order of tickets by its key."""
    orders = {}
    for booking in tables["bookings"].values():
        logged = [
            state["entered_at"].date()
            for state in tables["booking_states"].values()
            if state["booking_id"] == booking["booking_id"]
        ]
        adds_up = booking["list_minor"] - booking["discount_minor"]
        orders[f"booking {booking['booking_id']}"] = {
            "user": booking["user_id"],
            "provider": booking["provider_id"],
            "service": booking["service_id"] or "unknown",
            "booked": booking["requested_at"].date(),
            "served": day_of(booking["starts_at"]),
            "paid": min(logged, default=None),
            "discount": booking["discount_minor"],
            "by_platform": booking["discount_funder"] == "platform",
            "expected": booking["charged_minor"],
            "fee": booking["fee_minor"],
            "tax": booking["tax_minor"],
            "currency": booking["currency"],
            "is_open": booking["state"] in OPEN,
            "is_due": booking["state"] in DUE,
            "is_wrong": adds_up != booking["charged_minor"],
        }
    tickets = defaultdict(list)
    for ticket in tables["tickets"].values():
        tickets[ticket["order_id"]].append(ticket)
    for number, bought in tickets.items():
        first = min(bought, key=lambda one: (one["issued_at"], one["ticket_id"]))
        occasion = tables["occasions"].get(first["occasion_id"])
        orders[f"order {number}"] = {
            "user": first["user_id"],
            "provider": occasion and occasion["provider_id"],
            "service": "occasion concert" if occasion else "unknown",
            "booked": first["issued_at"].date(),
            "served": occasion and occasion["starts_at"].date(),
            "paid": None,
            "discount": 0,
            "by_platform": False,
            "expected": sum(one["price_minor"] for one in bought),
            "fee": sum(one["fee_minor"] for one in bought),
            "tax": None,
            "currency": "EUR",
            "is_open": not occasion or occasion["state"] == "on_sale",
            "is_due": True,
            "is_wrong": False,
        }
    return orders


def movements_of(tables):
    """Return every movement by its id."""
    orders, payments = orders_of(tables), defaultdict(list)
    for payment in tables["payments"].values():
        if payment["paid_at"] and payment["state"] == "captured":
            payments[key_of(payment)].append(payment)
    moved = paid_movements(orders, payments)
    for key, order in orders.items():
        if order["is_due"] and order["expected"] > 0 and key not in payments:
            moved[f"missing_payment {key}"] = {
                "key": key,
                "user": order["user"],
                "outcome": "missing_right",
            }
    for refund in tables["refunds"].values():
        if refund["state"] != "failed":
            moved[f"refund {refund['refund_id']}"] = refund_row(refund, moved)
    return moved | paid_out(tables)


def paid_movements(orders, payments):
    """Return the payments of all orders, those of one currency in their order."""
    moved = {}
    for key, paid in payments.items():
        for currency in {one["currency"] for one in paid}:
            same = [one for one in paid if one["currency"] == currency]
            same.sort(key=lambda one: (one["paid_at"], one["payment_id"]))
            for place, payment in enumerate(same):
                outcome = outcome_of(orders.get(key), same, place)
                row = payment_row(key, payment, orders.get(key), is_first=place == 0)
                moved[f"payment {payment['payment_id']}"] = row | {"outcome": outcome}
    return moved


def paid_out(tables):
    """Return the payouts that were paid."""
    moved = {}
    for payout in tables["payouts"].values():
        if payout["paid_at"] and payout["state"] == "paid":
            is_known = payout["currency"] in KNOWN
            moved[f"payout {payout['payout_id']}"] = {
                "key": f"payout {payout['payout_id']}",
                "reason": None if is_known else "unknown_currency",
                "paid_out": payout["net_minor"] if is_known else None,
            }
    return moved


def outcome_of(order, same, place):
    """Return how one of the payments of an order in one currency agrees with it."""
    if order is None:
        return "missing_left"
    payment = same[place]
    if payment["currency"] != order["currency"]:
        return "amount_mismatch"
    if sum(one["amount_minor"] for one in same) != order["expected"]:
        if payment["amount_minor"] != order["expected"]:
            return "amount_mismatch"
        if any(one["amount_minor"] == order["expected"] for one in same[:place]):
            return "duplicate"
    day = payment["paid_at"].date()
    if order["paid"] and (order["paid"].year, order["paid"].month) != (
        day.year,
        day.month,
    ):
        return "timing"
    return "matched"


def payment_row(key, payment, order, *, is_first):
    """Return what a payment consists of."""
    row = {"key": key, "currency": payment["currency"], "kind": "payment"}
    row["cash"] = payment["paid_at"].date()
    row["user"] = (order or {}).get("user") or payment["user_id"]
    row["provider"] = (order or {}).get("provider") or payment["provider_id"]
    row["service"] = (order or {}).get("service") or "unknown"
    row["booked"], row["served"] = (
        (order["booked"], order["served"]) if order else (None, None)
    )
    row["is_open"] = bool(order and order["is_open"])
    row["reason"] = reason_of(payment, order)
    if row["reason"]:
        return row
    discount = order["discount"] if is_first else 0
    for name in ("fee", "tax"):
        own = order[name] if is_first else 0
        row[name] = payment[f"{name}_minor"] if order[name] is None else own
    amount = payment["amount_minor"]
    row |= {"list": amount + discount, "discount": discount, "charged": amount}
    row["platform"] = discount if order["by_platform"] else 0
    return row


def reason_of(payment, order):
    """Return why a payment is in no sum."""
    if order is None:
        return "without_order"
    if payment["currency"] not in KNOWN:
        return "unknown_currency"
    if payment["currency"] != order["currency"]:
        return "currency_of_order_differs"
    return "order_does_not_add_up" if order["is_wrong"] else None


def refund_row(refund, moved):
    """Return a refund, with the dates of what it gives back."""
    original = moved.get(f"payment {refund['payment_id']}")
    row = {"kind": "refund", "currency": refund["currency"]}
    row["cash"] = refund["refunded_at"].date()
    if original is None:
        own = f"refund {refund['refund_id']}"
        return row | {"key": own, "reason": "without_payment"}
    for name in ("key", "booked", "served", "provider", "service", "user"):
        row[name] = original[name]
    row["reason"] = None
    if original["reason"]:
        row["reason"] = "payment_set_aside"
    elif refund["currency"] != original["currency"]:
        row["reason"] = "currency_of_payment_differs"
    else:
        row["refunded"] = refund["amount_minor"]
    return row


def revenue_of(tables, *, left_out):
    """Return every amount by name, basis, day, provider, service and currency."""
    found = Counter()
    for row in movements_of(tables).values():
        if row.get("reason") or row.get("user") in left_out or "kind" not in row:
            continue
        for basis, name in (
            ("booked", "booked"),
            ("service", "served"),
            ("cash", "cash"),
        ):
            if row[name] is None:
                continue
            place = (basis, row[name], row["provider"] or "unknown", row["service"])
            place += (row["currency"],)
            for amount in AMOUNTS:
                found[(amount, *place)] += row.get(amount) or 0
            found["net", *place] += (row.get("charged") or 0) - row.get("refunded", 0)
            if row.get("is_open"):
                found["open", *place] += row["charged"]
    return {key: amount for key, amount in found.items() if amount}


def key_of(payment):
    """Return what all the money of a payment's order goes by."""
    for kind, name in (("booking", "booking_id"), ("order", "order_id")):
        if payment[name]:
            return f"{kind} {payment[name]}"
    return f"payment {payment['payment_id']}"


def day_of(moment):
    return moment and moment.date()
