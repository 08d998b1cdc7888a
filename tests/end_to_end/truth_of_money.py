"""Revenue as readers see it, against what bookings and orders were worth."""

from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

import polars as pl

from orchestration.simulation.app_money import rate_on
from orchestration.simulation.catalogue import CURRENCIES, EXPONENTS
from tests.end_to_end.comparing import assert_equal, nonzero

MEASURES = ("list", "discount", "charged", "refunded", "net", "tax", "fee", "open")
DUE = ("paid", "completed", "no_show")
OVER = ("completed", "no_show", "cancelled_by_customer", "cancelled_by_provider")

# All that SEMANTICS 2.5 names.
OUTCOMES = {
    "matched",
    "missing_left",
    "missing_right",
    "amount_mismatch",
    "duplicate",
    "timing",
}


def check_revenue(story):
    """Every measure by day, kind of date, provider and currency, to the minor unit."""
    assert_equal(revenue(story), revenue_of_truth(story))


def check_grains(story):
    """Weeks and months are what their days add up to."""
    days = revenue(story)
    for grain in ("week", "month"):
        coarse = Counter()
        for (measure, basis, day, *rest), amount in days.items():
            first = day.replace(day=1)
            if grain == "week":
                first = day.fromordinal(day.toordinal() - day.weekday())
            coarse[(measure, basis, first, *rest)] += amount
        assert_equal(revenue(story, grain), nonzero(coarse))


def check_reported(story):
    """Sums over currencies, each day's amounts at its rate, halves away from zero."""
    expected = Counter()
    for (measure, basis, day, _, currency), amount in revenue(story).items():
        if measure in ("list", "discount", "refunded", "tax", "fee"):
            expected[basis, day, currency, measure] += amount
    reported = Counter()
    for (basis, day, currency, measure), amount in expected.items():
        worth = round_half_up(amount * worth_of(story.world, currency, day))
        reported[basis, day, measure] += worth
    for basis, day in {key[:2] for key in reported}:
        told = reported[basis, day, "list"] - reported[basis, day, "discount"]
        reported[basis, day, "charged"] = told
        reported[basis, day, "net"] = told - reported[basis, day, "refunded"]
    rows = story.house.rows(
        """
        select basis, day, measure, amount
        from published.revenue_reported_daily
        cross join lateral (
            values ('list', list_minor), ('discount', discount_minor),
            ('charged', charged_minor), ('refunded', refunded_minor),
            ('net', net_minor), ('tax', tax_minor), ('fee', fee_minor)
        ) as told (measure, amount)
        """
    )
    found = {row[:3]: row[3] for row in rows}
    assert None not in found.values()
    assert_equal(nonzero(found), nonzero(reported))


def check_ledger(story):
    """Entries add up to what was charged, refunded and paid out, tests included."""
    rows = story.house.rows(
        "select kind, currency, sum(amount_minor) from published.ledger_entries "
        "group by kind, currency"
    )
    expected = Counter()
    for order in orders_of(story):
        for kind, amount in (
            ("charge", sum(amount for _, _, amount in order["paid"])),
            ("discount", -order["discount_minor"] * bool(order["paid"])),
            ("fee", order["fee_minor"] * bool(order["paid"])),
            ("tax", order["tax_minor"] * bool(order["paid"])),
            ("refund", -order["refund_minor"] * bool(order["refunded_at"])),
        ):
            expected[kind, order["currency"]] += amount
    found = {row[:2]: int(row[2]) for row in rows if row[0] != "payout"}
    assert_equal(found, nonzero(expected))


def revenue(story, grain="day"):
    """Return amounts that are not zero by measure, basis, start, provider, currency."""
    name = {
        "day": "revenue_daily",
        "week": "revenue_weekly",
        "month": "revenue_monthly",
    }
    start = "day" if grain == "day" else f"{grain}_starts_on"
    sums = ", ".join(f"sum({measure}_minor)" for measure in MEASURES)
    rows = story.house.rows(
        f"select basis, {start}, provider_id, currency, {sums} "
        f"from published.{name[grain]} group by 1, 2, 3, 4"
    )
    return nonzero(
        {
            (measure, *row[:4]): int(amount or 0)
            for row in rows
            for measure, amount in zip(MEASURES, row[4:], strict=True)
        }
    )


def revenue_of_truth(story):
    """Return the same from the truth; only who paid has revenue."""
    expected = Counter()
    for order in orders_of(story):
        if order["is_test"]:
            continue
        place = (order["provider_id"], order["currency"])
        days = (("booked", order["booked_at"]), ("service", order["starts_at"]))
        for number, (_, paid_at, amount) in enumerate(order["paid"]):
            discount = 0 if number else order["discount_minor"]
            amounts = {
                "list": amount + discount,
                "discount": discount,
                "charged": amount,
                "net": amount,
                "tax": 0 if number else order["tax_minor"],
                "fee": 0 if number else order["fee_minor"],
                "open": amount * order["is_open"],
            }
            for basis, at in (*days, ("cash", paid_at)):
                for measure, value in amounts.items():
                    expected[(measure, basis, at.date(), *place)] += value
        if order["refunded_at"]:
            for basis, at in (*days, ("cash", order["refunded_at"])):
                expected[("refunded", basis, at.date(), *place)] += order[
                    "refund_minor"
                ]
                expected[("net", basis, at.date(), *place)] -= order["refund_minor"]
    return nonzero(expected)


def orders_of(story):
    """Return bookings and orders of tickets, each with the payments for it."""
    bookings = story.truth("bookings").filter(~pl.col("is_deleted"))
    bookings = bookings.with_columns(
        ("booking " + pl.col("booking_id")).alias("key"),
        pl.col("requested_at").alias("booked_at"),
        (~pl.col("state").is_in(OVER)).alias("is_open"),
        pl.col("state").is_in(DUE).alias("is_due"),
    )
    paid = defaultdict(list)
    taken = story.truth("payments").filter(pl.col("kind") != "stray").sort("paid_at")
    for one in taken.iter_rows(named=True):
        prefix = "payment payd_" if one["kind"] == "again" else "payment pay_"
        payment = one["booking_id"].replace("bkg_", prefix)
        row = (payment, one["paid_at"], one["amount_minor"])
        paid[f"booking {one['booking_id']}"].append(row)
    orders = story.truth("orders").with_columns(
        ("order " + pl.col("order_id")).alias("key"),
        pl.col("purchased_at").alias("booked_at"),
        pl.lit(0).alias("discount_minor"),
        pl.lit(0).alias("tax_minor"),
        (~pl.col("is_over")).alias("is_open"),
        (pl.col("charged_minor") > 0).alias("is_due"),
    )
    for one in orders.filter("is_due").iter_rows(named=True):
        payment = one["order_id"].replace("ord_", "payment payo_")
        paid[one["key"]] = [(payment, one["purchased_at"], one["charged_minor"])]
    rows = [*bookings.iter_rows(named=True), *orders.iter_rows(named=True)]
    return [row | {"paid": paid[row["key"]]} for row in rows]


def check_orders_reconciled(story):
    """Every order and payment has the outcome that was planted for it."""
    expected = {}
    for order in orders_of(story):
        for payment, at, amount in order["paid"]:
            is_again = payment.startswith("payment payd_")
            told = order.get("paid_at") or at
            outcome = "matched" if told.month == at.month else "timing"
            outcome = "duplicate" if is_again else outcome
            if amount != order["charged_minor"]:
                outcome = "amount_mismatch"
            expected[order["key"], payment] = outcome
        if order["is_due"] and not order["paid"]:
            expected[order["key"], None] = "missing_right"
    for one in story.truth("payments").filter(kind="stray").iter_rows(named=True):
        lost = one["booking_id"].replace("bkg_", "ord_lost_")
        stray = one["booking_id"].replace("bkg_", "payment payl_")
        expected[f"order {lost}", stray] = "missing_left"
    rows = story.house.rows(
        "select left_id, 'payment ' || right_id, outcome from published.reconciliation "
        "where compared = 'orders and payments'"
    )
    assert len(rows) == len({row[:2] for row in rows})
    assert_all_planted(expected, story)
    assert_equal({row[:2]: row[2] for row in rows}, expected)


def check_payouts_reconciled(story):
    """Payouts a cent off, made twice or never made are found, and no others."""
    start, expected, lost = story.world.start_on, {}, set()
    through = defaultdict(lambda: -1)
    for row in story.truth("payouts").iter_rows(named=True):
        number = int(row["provider_id"].removeprefix("prv_")) * 1_000 + row["week"]
        payout = f"pyo_{number:08d}"
        if row["is_lost"]:
            lost.add((row["provider_id"], row["week"]))
            continue
        expected[payout] = planted(row, story.world.days)
        if row["is_double"]:
            expected[f"{payout}b"] = "duplicate"
        through[row["currency"]] = max(through[row["currency"]], row["week"])
    moved = []
    for order in orders_of(story):
        provider, currency = order["provider_id"], order["currency"]
        back = order["key"].replace("booking bkg_", "refund rfd_")
        back = back.replace("order ord_", "refund rfdo_")
        moved += [(one[0], one[1], provider, currency) for one in order["paid"]]
        if order["refunded_at"]:
            moved.append((back, order["refunded_at"], provider, currency))
    for movement, at, provider, currency in moved:
        week = (at.date() - start).days // 7
        if (provider, week) in lost and week <= through[currency]:
            expected[movement] = "missing_right"
    rows = story.house.rows(
        "select coalesce(right_id, left_id), outcome from published.reconciliation "
        "where compared = 'payments and payouts'"
    )
    assert_equal(dict(rows), expected)
    assert_all_planted(expected, story)


def assert_all_planted(expected, story):
    """Every outcome is planted; some take a neighbouring week or another month."""
    kinds = OUTCOMES if story.world.days >= 40 else OUTCOMES - {"timing"}
    assert set(expected.values()) == kinds


def planted(payout, days):
    """Return the outcome that was planted for a payout."""
    if payout["is_idle"]:
        return "missing_left"
    if payout["is_late"]:
        # Until the week after it is paid out, nothing explains what is missing.
        is_explained = payout["week"] % 2 or 7 * (payout["week"] + 2) <= days
        return "timing" if is_explained else "amount_mismatch"
    return "amount_mismatch" if payout["is_wrong"] else "matched"


def worth_of(world, currency, day):
    """Return what a minor unit is worth in EUR cents on a day, or when last known."""
    if currency == "EUR":
        return Decimal(1)
    number = min((day - world.start_on).days, world.days - 1)
    while world.date_of(number).weekday() > 4:
        number -= 1
    exponent = int(EXPONENTS[CURRENCIES.index(currency)])
    return Decimal(rate_on(currency, number)) / 10**9 * 100 / 10**exponent


def round_half_up(amount):
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def check_customer_value(story):
    """What customers brought, in all and in their first seven days."""
    value, first_week = Counter(), Counter()
    people = {
        row[0]: row[1].date()
        for row in story.house.rows(
            "select user_id, registered_at from raw.app_persons where valid_to is null "
            "and role = 'customer' and not is_test and not is_internal"
        )
    }
    payers, acquired = defaultdict(set), Counter(map(monday, people.values()))
    for order in orders_of(story):
        if order["is_test"]:
            continue
        user, currency = order["user_id"], order["currency"]
        moved = [(at.date(), amount) for _, at, amount in order["paid"]]
        if order["refunded_at"]:
            moved.append((order["refunded_at"].date(), -order["refund_minor"]))
        for day, amount in moved:
            value[user, currency] += amount
            if user in people and 0 <= (day - people[user]).days < 7:
                week = monday(people[user])
                first_week[week, currency] += amount
                payers[week, currency] |= {user} if amount > 0 else set()
    rows = story.house.rows(
        "select user_id, currency, net_revenue_minor from published.customer_value"
    )
    assert_equal(nonzero({row[:2]: int(row[2]) for row in rows}), nonzero(value))
    end = story.world.date_of(story.world.days)
    rows = story.house.rows(
        "select registered_week, currency, acquired_count, payer_count, "
        "net_revenue_minor from published.customer_value_cohorts where day_count = 7"
    )
    assert {row[0] for row in rows} == {
        week for week in acquired if (end - week).days >= 14
    }
    assert any(row[4] for row in rows)
    for week, currency, everybody, paid, net in rows:
        assert everybody == acquired[week]
        assert paid == len(payers[week, currency])
        assert net == first_week[week, currency]


def monday(day):
    return day.fromordinal(day.toordinal() - day.weekday())
