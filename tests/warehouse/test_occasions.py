"""Who registered for occasions and who came, against plain counting."""

import random
from collections import Counter, defaultdict

from tests.warehouse.histories import at, build, table_rows
from tests.warehouse.marketplace_world import change, rows_of
from tests.warehouse.reference_marketplace import registrations_of

MARTS = ("occasion_registrations", "occasions")
SELECT = ("+occasions",)
COUNTS = (*("registered", "refunded", "cancelled", "attended", "walk_in", "no_show"),)


class Box:
    """Occasions, tickets and records of coming, changed at random."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.tables = {"occasions": {}, "tickets": {}, "attendance": {}}

    def put(self, table, key, **columns):
        name = {"occasions": "occasion", "tickets": "ticket"}.get(table, table)
        row = {f"{name}_id": key, **columns}
        self.tables[table].pop(key, None)
        if columns:
            self.tables[table][key] = row
        return table, row

    def shuffle(self):
        """Return changes of a few rows of each table."""
        chance = self.chance
        for number in chance.sample(range(6), 2):
            capacity = chance.choice([2, 10, None])
            moment = at(days=chance.randrange(20))
            who = {"provider_id": f"p{number % 2}", "capacity": capacity}
            yield self.put("occasions", f"o{number}", starts_at=moment, **who)
        for number in chance.sample(range(40), 14):
            yield self.put(
                "tickets",
                f"t{number}",
                occasion_id=f"o{chance.randrange(7)}",
                user_id=f"u{chance.randrange(5)}",
                state=chance.choice(["valid", "valid", "refunded", "cancelled"]),
                issued_at=at(hours=chance.randrange(200)),
            )
        for number in chance.sample(range(40), 14):
            yield self.put(
                "attendance",
                f"a{number}",
                **self._record(number),
                state=chance.choice(["attended", "attended", "no_show"]),
                recorded_at=at(hours=chance.randrange(500)),
            )
        for table in ("tickets", "attendance"):
            yield self.put(table, chance.choice(sorted(self.tables[table])))

    def _record(self, number):
        """Name the occasion, the ticket or both; the ticket may be of another."""
        chance = self.chance
        occasion = chance.choice([None, f"o{chance.randrange(6)}"])
        ticket = chance.choice([None, f"t{number}", f"t{chance.randrange(40)}"])
        return {
            "occasion_id": occasion,
            "ticket_id": ticket,
            "user_id": f"u{chance.randrange(5)}",
        }


def assert_as_counted(box, connection):
    expected = registrations_of(
        list(box.tables["tickets"].values()), list(box.tables["attendance"].values())
    )
    expected = {key: +counts for key, counts in expected.items()}
    found = rows_of(connection, "marts.occasion_registrations")
    assert {
        (row["occasion_id"], row["user_id"]): +Counter(
            {f"{name}_count": row[f"{name}_count"] for name in COUNTS}
        )
        for row in found
    } == expected
    sums = defaultdict(Counter)
    for (occasion, _), counts in expected.items():
        sums[occasion] += counts
    assert {
        row["occasion_id"]: +Counter(
            {f"{name}_count": row[f"{name}_count"] for name in COUNTS}
        )
        for row in rows_of(connection, "marts.occasions")
    } == {occasion: sums[occasion] for occasion in box.tables["occasions"]}
    return sum(expected.values(), Counter())


def test_who_registered_and_who_came_however_it_arrives(database, connection):
    box = Box(4)
    seen = Counter()
    for _ in range(4):
        change(connection, list(box.shuffle()))
        build(connection, url=database, select=SELECT)
        seen += assert_as_counted(box, connection)
    assert set(seen) == {f"{name}_count" for name in COUNTS}
    before = [table_rows(connection, f"marts.{name}") for name in MARTS]
    build(connection, url=database, select=SELECT, is_full=True)
    assert [table_rows(connection, f"marts.{name}") for name in MARTS] == before


def erase_attendance(connection, user):
    """Take what was recorded of somebody, as an erasure does."""
    with connection.transaction():
        load_id = connection.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values ('erasure', 'app', now()) returning load_id"
        ).fetchone()[0]
        connection.execute(
            "insert into ops.touched_days "
            "(load_id, occurred_on, event_name, row_count) "
            "select %s, recorded_at::date, 'app:attendance', count(*) "
            "from raw.app_attendance where user_id = %s group by 2",
            (load_id, user),
        )
        connection.execute("delete from raw.app_attendance where user_id = %s", (user,))


def test_who_walked_in_after_midnight_can_be_erased(database, connection):
    came = {"state": "attended", "occasion_id": "o1"}
    change(
        connection,
        [
            ("occasions", {"occasion_id": "o1", "starts_at": at(hours=23)}),
            *(
                ("attendance", {"attendance_id": key, "user_id": user, **came, **when})
                for key, user, when in (
                    ("a1", "u1", {"recorded_at": at(hours=23)}),
                    ("a2", "u2", {"recorded_at": at(days=1)}),
                    # Recorded on three days, of which the middle one is no end.
                    *(
                        (f"a{3 + n}", f"u{3 + n % 2}", {"recorded_at": at(days=n)})
                        for n in range(2, 7)
                    ),
                )
            ),
        ],
    )
    build(connection, url=database, select=SELECT)
    for user in ("u2", "u3"):
        erase_attendance(connection, user)
        build(connection, url=database, select=SELECT)
        before = [table_rows(connection, f"marts.{name}") for name in MARTS]
        build(connection, url=database, select=SELECT, is_full=True)
        assert [table_rows(connection, f"marts.{name}") for name in MARTS] == before
    (occasion,) = rows_of(connection, "marts.occasions")
    assert occasion["attended_count"] == 3
