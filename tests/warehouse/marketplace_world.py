"""Rows of the app as an extract leaves them: with history, and the days they touch."""

import itertools
import random
from collections import Counter
from datetime import timedelta

from psycopg import sql

from orchestration.raw.app_tables import read_app_tables
from tests.warehouse.histories import START, at
from tests.warehouse.reference_marketplace import (
    FOLLOWERS,
    STATES,
    booking_of,
    in_order,
)

LIKELY = {"accepted", "completed", "no_show"}
_MOMENTS = itertools.count(1)
_REQUIRED = {
    "bookings": {"user_id": "u1", "state": "requested", "requested_at": START},
    "listings": {"provider_id": "p1", "created_at": START},
    "occasions": {"starts_at": START, "created_at": START},
    "tickets": {"occasion_id": "o1", "state": "valid", "issued_at": START},
    "attendance": {"state": "attended", "recorded_at": START},
    "reviews": {"provider_id": "p1", "rating": 5, "created_at": START},
    "persons": {
        "role": "customer",
        "is_internal": False,
        "is_test": False,
        "registered_at": START,
    },
}


def change(connection, changes):
    """Bring rows of the app to how they are now, in one extract.

    `changes` are (table, row) with the row's key; only its key means that it is gone.
    """
    tables = read_app_tables(connection)
    touched = Counter()
    with connection.transaction():
        moment = START + timedelta(days=400, seconds=next(_MOMENTS))
        load_id = connection.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values ('extract', 'app', now()) returning load_id"
        ).fetchone()[0]
        for name, row in changes:
            table = tables[name]
            closed = connection.execute(
                sql.SQL(
                    "update {} set valid_to = %s, closed_by = %s "
                    "where {} = %s and valid_to is null returning *"
                ).format(table.relation, sql.Identifier(table.key)),
                (moment, load_id, row[table.key]),
            )
            old = [
                dict(zip([c.name for c in closed.description], values, strict=True))
                for values in closed.fetchall()
            ]
            rows = old if len(row) == 1 else [*old, {**_REQUIRED.get(name, {}), **row}]
            if len(row) > 1:
                moment += timedelta(microseconds=1)
                _insert(connection, table, rows[-1], moment, load_id)
            touched.update(
                (name, _day(found[column]))
                for found in rows
                for column in table.days
                if found.get(column)
            )
        for (name, day), count in touched.items():
            connection.execute(
                "insert into ops.touched_days "
                "(load_id, occurred_on, event_name, row_count) values (%s, %s, %s, %s)",
                (load_id, day, f"app:{name}", count),
            )


def _day(instant):
    return instant.date() if hasattr(instant, "date") else instant


def _insert(connection, table, row, moment, load_id):
    values = {**row, "row_hash": b"", "valid_from": moment, "load_id": load_id}
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            table.relation,
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
        ),
        list(values.values()),
    )


class App:
    """What the app says now, changed at random and told to the warehouse."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.bookings = {}
        self.log = {}
        self.reviews = {}
        self.hours = {}

    def book(self, number):
        """Make a booking anew, most of the time along a legal path."""
        chance = self.chance
        key = f"b{number}"
        # Most of them lie close together, some so far apart that customers mature.
        moment = at(hours=chance.randrange(240), days=chance.choice([0, 0, 0, 85, 100]))
        starts = moment + timedelta(hours=chance.randrange(1, 100))
        log = self._walk(key, moment)
        state = log[-1]["state"] if log else "requested"
        if chance.random() < 0.05:
            state = chance.choice(STATES)
        length = chance.choice([1, 1, 1, 30, -1, 9_000])
        self.bookings[key] = {
            "booking_id": key,
            "user_id": f"u{chance.randrange(4)}",
            "provider_id": f"p{chance.randrange(3)}",
            "state": state,
            "requested_at": moment,
            "starts_at": chance.choice([starts, starts, None]),
            "ends_at": starts + timedelta(hours=length),
        }
        yield "bookings", self.bookings[key]
        for old in [k for k, row in self.log.items() if row["booking_id"] == key]:
            del self.log[old]
            yield "booking_states", {"booking_state_id": old}
        for entry in log:
            self.log[entry["booking_state_id"]] = entry
            yield "booking_states", entry

    def _walk(self, key, moment):
        chance, log, state = self.chance, [], None
        while chance.random() < 0.93:
            choices = FOLLOWERS.get(state, ())
            choices += tuple(word for word in choices if word in LIKELY) * 3
            if chance.random() < 0.05:
                choices = (*STATES, *["mislaid"] * 5)
            if not choices:
                break
            state = chance.choice(choices)
            log.append(
                {
                    "booking_state_id": f"{key}-{len(log)}-{chance.randrange(1_000)}",
                    "booking_id": key,
                    "state": state,
                    "entered_at": moment,
                }
            )
            moment += timedelta(minutes=chance.choice([0, 5, 700, -3]))
        return log

    def delete(self):
        """Delete a booking, and its log as well unless somebody forgot."""
        key = self.chance.choice(sorted(self.bookings))
        del self.bookings[key]
        yield "bookings", {"booking_id": key}
        if self.chance.random() < 0.5:
            for entry in [k for k, row in self.log.items() if row["booking_id"] == key]:
                del self.log[entry]
                yield "booking_states", {"booking_state_id": entry}

    def drop_entry(self):
        """Delete one entry of the log."""
        entry = self.chance.choice(sorted(self.log))
        del self.log[entry]
        yield "booking_states", {"booking_state_id": entry}

    def logs(self):
        """Return the sorted log of every booking that has one."""
        logs = {}
        for entry in self.log.values():
            logs.setdefault(entry["booking_id"], []).append(entry)
        return {key: in_order(entries) for key, entries in logs.items()}

    def review(self, number):
        """Write a review anew, hide it, or take it back."""
        key = f"r{number}"
        self.reviews.pop(key, None)
        if self.chance.random() < 0.2:
            yield "reviews", {"review_id": key}
            return
        self.reviews[key] = {
            "review_id": key,
            "provider_id": f"p{self.chance.randrange(3)}",
            "user_id": f"u{self.chance.randrange(4)}",
            "rating": self.chance.randrange(1, 6),
            "state": self.chance.choice(["shown", "shown", "hidden", None]),
            "created_at": at(hours=self.chance.randrange(240)),
        }
        yield "reviews", self.reviews[key]

    def offer(self, number):
        """Offer hours anew, some of them for days, or withdraw them."""
        key = f"h{number}"
        self.hours.pop(key, None)
        if self.chance.random() < 0.2:
            yield "availability", {"availability_id": key}
            return
        starts = at(hours=self.chance.randrange(240))
        # Who is always available is never booked.
        provider = self.chance.randrange(4)
        length = 20_000 if provider == 3 else self.chance.choice([2, 4, 8, 60])
        self.hours[key] = {
            "availability_id": key,
            "provider_id": f"p{provider}",
            "starts_at": starts,
            "ends_at": starts + timedelta(hours=length),
        }
        yield "availability", self.hours[key]

    def sound_bookings(self):
        """Return every booking that counts, with what its states say."""
        logs = self.logs()
        made = [
            {**row, **booking_of(row, logs.get(key, []))}
            for key, row in self.bookings.items()
        ]
        return [row for row in made if not row["is_quarantined"]]


def rows_of(connection, table, *columns):
    """Return the rows of a mart as dicts, in no order that counts."""
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)) if columns else sql.SQL("*"),
        sql.Identifier(*table.split(".")),
    )
    with connection.transaction():
        cursor = connection.execute(query)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
