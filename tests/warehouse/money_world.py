"""Small histories of an app's money: rows that come, change and go."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from orchestration.raw.app_tables import read_app_tables

CURRENCIES = ("EUR", "JPY")
STATES = ("requested", "accepted", "declined", "paid", "completed", "no_show")


class MoneyWorld:
    """The app's tables as dicts of rows by key, and what an extract makes of them."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.tables = defaultdict(dict)
        self._shapes = read_app_tables(connection)
        self._stored = defaultdict(dict)
        self._number = 0

    def put(self, table: str, **row) -> None:
        """Make a row or change it; what is not said stays."""
        shape = self._shapes[table]
        known = dict.fromkeys(shape.content) | self.tables[table].get(
            row[shape.key], {}
        )
        self.tables[table][row[shape.key]] = known | row

    def drop(self, table: str, key: str) -> None:
        """Delete a row in the app."""
        del self.tables[table][key]

    def extract(self) -> None:
        """Store what differs as versions, and touch their days, in one load."""
        self._number += 1
        with self.connection.transaction():
            load_id = self._open_load("extract")
            for table in self._shapes:
                self._store(table, load_id)

    def erase(self, old_user: str, new_user: str) -> None:
        """Rename a user in every version, as an erasure does: no load opened them."""
        with self.connection.transaction():
            load_id = self._open_load("erasure")
            for table in ("bookings", "payments", "tickets"):
                for row in self.tables[table].values():
                    if row["user_id"] == old_user:
                        self._touch(load_id, table, row)
                        row["user_id"] = new_user
                self._stored[table] = {
                    k: dict(v) for k, v in self.tables[table].items()
                }
                self.connection.execute(
                    sql.SQL("update {} set user_id = %s where user_id = %s").format(
                        self._shapes[table].relation
                    ),
                    (new_user, old_user),
                )

    def _store(self, table: str, load_id: int) -> None:
        shape, wanted = self._shapes[table], self.tables[table]
        stored = self._stored[table]
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self._number)
        for key in sorted(stored.keys() | wanted.keys()):
            old, new = stored.get(key), wanted.get(key)
            if old == new:
                continue
            if old is not None:
                self.connection.execute(
                    sql.SQL(
                        "update {} set valid_to = %s, closed_by = %s "
                        "where {} = %s and valid_to is null"
                    ).format(shape.relation, sql.Identifier(shape.key)),
                    (moment, load_id, key),
                )
                self._touch(load_id, table, old)
            if new is not None:
                values = {**new, "row_hash": b"", "valid_from": moment}
                values["load_id"] = load_id
                self.connection.execute(
                    sql.SQL("insert into {} ({}) values ({})").format(
                        shape.relation,
                        sql.SQL(", ").join(map(sql.Identifier, values)),
                        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
                    ),
                    list(values.values()),
                )
                self._touch(load_id, table, new)
        self._stored[table] = {key: dict(row) for key, row in wanted.items()}

    def _touch(self, load_id: int, table: str, row: dict) -> None:
        for name in self._shapes[table].days:
            if row[name] is not None:
                day = row[name].date() if isinstance(row[name], datetime) else row[name]
                self.connection.execute(
                    "insert into ops.touched_days "
                    "(load_id, occurred_on, event_name, row_count) "
                    "values (%s, %s, %s, 1)",
                    (load_id, day, f"app:{table}"),
                )

    def _open_load(self, kind: str) -> int:
        row = self.connection.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values (%s, 'app', now()) returning load_id",
            (kind,),
        ).fetchone()
        return int(row[0]) if row else 0


def live(world: MoneyWorld, chance, start: datetime) -> None:
    """Let something happen to a few orders: money, mistakes, second thoughts."""

    def moment(days=40):
        return start + timedelta(hours=chance.randrange(24 * days))

    for _ in range(4):
        number = chance.randrange(10)
        price = chance.choice([1000, 2500])
        discount = chance.choice([0, 0, 100])
        wrong = chance.random() < 0.1
        world.put(
            "bookings",
            booking_id=f"b{number}",
            user_id=chance.choice(["u1", "u2", "tester"]),
            provider_id=chance.choice(["p1", "p2"]),
            service_id=chance.choice(["s1", "s2", None]),
            state=chance.choice(STATES),
            requested_at=moment(),
            starts_at=chance.choice([None, moment()]),
            list_minor=price + wrong,
            discount_minor=discount,
            discount_funder=chance.choice(["platform", "provider"]),
            charged_minor=price - discount,
            fee_minor=chance.choice([None, 150]),
            tax_minor=chance.choice([None, 90]),
            currency=CURRENCIES[number % 2],
        )
        if chance.random() < 0.7:
            world.put(
                "booking_states",
                booking_state_id=f"bs{number}",
                booking_id=f"b{number}",
                state="paid",
                entered_at=moment(),
            )
    _sell_tickets(world, chance, moment)
    for _ in range(7):
        _pay(world, chance, moment)
    for _ in range(3):
        number = chance.randrange(6)
        world.put(
            "refunds",
            refund_id=f"r{number}",
            payment_id=f"y{chance.randrange(12)}",
            amount_minor=chance.choice([100, 900]),
            currency=chance.choice(["EUR", "EUR", "JPY"]),
            state=chance.choice([None, "done", "failed"]),
            refunded_at=moment(),
        )
    _pay_out(world, chance, moment)
    for table in ("bookings", "payments", "refunds", "tickets"):
        keys = sorted(world.tables[table])
        if keys and chance.random() < 0.3:
            world.drop(table, chance.choice(keys))


def nudge(world: MoneyWorld) -> None:
    """Change what orders rest on, and no order or payment itself."""
    for refund in world.tables["refunds"].values():
        world.put("refunds", **refund | {"amount_minor": refund["amount_minor"] + 1})
    for payout in world.tables["payouts"].values():
        world.put("payouts", **payout | {"net_minor": payout["net_minor"] + 1})
    for occasion in world.tables["occasions"].values():
        world.put("occasions", **occasion | {"provider_id": "p9"})
    for state in world.tables["booking_states"].values():
        later = state["entered_at"] + timedelta(days=40)
        world.put("booking_states", **state | {"entered_at": later})


def _sell_tickets(world, chance, moment):
    for occasion in ("o1", "o2"):
        world.put(
            "occasions",
            occasion_id=occasion,
            provider_id=chance.choice(["p1", "p2", None]),
            category="concert",
            state=chance.choice(["on_sale", "finished", "cancelled"]),
            starts_at=moment(),
            created_at=start_of_all(),
        )
    number = chance.randrange(4)
    occasion, buyer = chance.choice(["o1", "o2", "o3"]), chance.choice(["u1", "u2"])
    for seat in range(chance.randrange(1, 4)):
        world.put(
            "tickets",
            ticket_id=f"t{number}/{seat}",
            order_id=f"w{number}",
            occasion_id=occasion,
            user_id=buyer,
            state="valid",
            price_minor=500,
            fee_minor=40,
            currency="EUR",
            issued_at=moment(),
        )


def _pay(world, chance, moment):
    booking, order = f"b{chance.randrange(11)}", f"w{chance.randrange(5)}"
    kind = chance.random()
    expected = world.tables["bookings"].get(booking, {}).get("charged_minor") or 500
    world.put(
        "payments",
        payment_id=f"y{chance.randrange(12)}",
        booking_id=booking if kind < 0.6 else None,
        order_id=order if 0.6 <= kind < 0.95 else None,
        user_id=chance.choice(["u1", "u3"]),
        provider_id=chance.choice([None, "p1"]),
        state=chance.choice(["captured", "captured", "captured", "failed"]),
        amount_minor=chance.choice([expected, expected, expected // 2, 1000, 500]),
        fee_minor=chance.choice([None, 20]),
        tax_minor=chance.choice([None, 7]),
        currency=CURRENCIES[int(booking[1:]) % 2]
        if kind < 0.6
        else chance.choice(["EUR", "EUR", "EUR", "ZZZ"]),
        paid_at=chance.choice([None, moment(), moment(), moment()]),
        created_at=moment(),
    )


def _pay_out(world, chance, moment):
    first = moment().date()
    world.put(
        "payouts",
        payout_id=f"x{chance.randrange(4)}",
        provider_id=chance.choice(["p1", "p2"]),
        state=chance.choice(["paid", "pending"]),
        net_minor=chance.choice([800, 900]),
        adjustment_minor=chance.choice([None, -10]),
        period_starts_on=chance.choice([None, first, first]),
        period_ends_on=first + timedelta(days=6),
        currency=chance.choice(["EUR", "EUR", "ZZZ"]),
        paid_at=chance.choice([None, moment()]),
        created_at=moment(),
    )


def start_of_all() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)
