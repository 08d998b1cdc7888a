"""Persons with days, accounts and bookings at random; their facts by brute force."""

import hashlib
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestration.registry.catalogue import PERSON_COUNTS, PERSON_WINDOWS

FIRST = date(2026, 1, 1)
DAYS = 110
SUMMED = [
    name for name in PERSON_COUNTS if name not in {"active_day_count", "booking_count"}
]
PERSON_DAYS = f"""
    create schema marts;
    create table marts.person_days (
        day date not null,
        person_id text not null,
        user_id text,
        is_anonymous boolean not null,
        is_active boolean not null,
        {", ".join(f"{name} bigint not null" for name in SUMMED)},
        unique (day, person_id)
    )
"""
TRAITS = ("role", "region", "locale", "acquisition_channel")


def person_id(kind, value):
    """Hash as MECHANICS 6 says."""
    text = json.dumps([kind, value])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass
class SegmentWorld:
    """What is stored, kept in Python too."""

    timezone: str = "UTC"
    days: dict = field(default_factory=dict)
    accounts: dict = field(default_factory=dict)
    bookings: list = field(default_factory=list)

    def make(self, connection, dice, *, persons=30):
        connection.execute(PERSON_DAYS)
        for number in range(persons):
            if number % 3:
                self.add_account(connection, dice, f"u{number}")
        for number in range(persons):
            for offset in range(DAYS):
                # The 3 in 30 without a day are known by their account alone.
                if number % 10 and dice.random() < 0.08:
                    self.set_day(connection, dice, FIRST + timedelta(offset), number)
        for number in range(persons):
            for _ in range(dice.randint(0, 3)):
                self.add_booking(connection, dice, f"u{number}")

    def set_day(self, connection, dice, day, number):
        user = f"u{number}" if number % 4 else None
        id_ = person_id("user", user) if user else person_id("device", f"d{number}")
        row = {
            "user_id": user,
            "is_anonymous": user is None,
            "is_active": dice.random() < 0.7,
            **{name: dice.choice([0, 0, 1, 5]) for name in SUMMED},
        }
        self.days[day, id_] = row
        connection.execute(
            "delete from marts.person_days where day = %s and person_id = %s",
            (day, id_),
        )
        connection.execute(
            "insert into marts.person_days "
            f"(day, person_id, {', '.join(row)}) "
            f"values ({', '.join(['%s'] * (len(row) + 2))})",
            (day, id_, *row.values()),
        )

    def add_account(self, connection, dice, user):
        """Write an account of up to three versions, some of which end it."""
        registered_at = self.moment(dice)
        begins = sorted(
            registered_at + timedelta(days=dice.randint(0, 60), hours=number)
            for number in range(dice.randint(1, 3))
        )
        ends = [*begins[1:], dice.choice([None, begins[-1] + timedelta(days=20)])]
        fixed = (dice.random() < 0.1, dice.random() < 0.1, registered_at)
        versions = [
            (
                {
                    "role": dice.choice(["customer", "provider"]),
                    "region": dice.choice([None, "north", "south"]),
                    "locale": dice.choice([None, "de"]),
                    "acquisition_channel": dice.choice([None, "ads"]),
                },
                *fixed,
                valid_from,
                valid_to,
            )
            for valid_from, valid_to in zip(begins, ends, strict=True)
        ]
        self.accounts[user] = versions
        for traits, *rest in versions:
            connection.execute(
                "insert into raw.app_persons (user_id, role, region, locale, "
                "acquisition_channel, is_internal, is_test, registered_at, valid_from, "
                "valid_to, row_hash, load_id) "
                "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', 1)",
                (user, *traits.values(), *rest),
            )

    def add_booking(self, connection, dice, user):
        requested_at = self.moment(dice)
        self.bookings.append((user, requested_at))
        names = [
            name
            for name, is_required in connection.execute(
                "select attname, attnotnull from pg_attribute "
                "where attrelid = 'raw.app_bookings'::regclass and attnum > 0"
            )
            if is_required
        ]
        given = {
            "booking_id": f"b{len(self.bookings)}",
            "requested_at": requested_at,
            "valid_from": requested_at,
            "row_hash": b"",
            "load_id": 1,
        }
        given = {name: given.get(name, "x") for name in names} | {"user_id": user}
        connection.execute(
            f"insert into raw.app_bookings ({', '.join(given)}) "
            f"values ({', '.join(['%s'] * len(given))})",
            list(given.values()),
        )

    def moment(self, dice):
        start = datetime.combine(FIRST, time(), UTC)
        return start + timedelta(minutes=dice.randrange(DAYS * 24 * 60))

    def day_of(self, instant):
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def end_of(self, day):
        return datetime.combine(
            day + timedelta(days=1), time(), ZoneInfo(self.timezone)
        )

    def account(self, user, as_of):
        """Return the version in force at the end of a day, else the first known."""
        versions = self.accounts.get(user, [])
        end = self.end_of(as_of)
        if not versions or versions[0][3] >= end:
            return None
        begun = [each for each in versions if each[4] < end]
        return begun[-1] if begun else versions[0]

    def facts(self, as_of):
        """Return the facts of every person by id, one by one."""
        windows = [
            (id_, row, (as_of - day).days, day)
            for (day, id_), row in self.days.items()
            if 0 <= (as_of - day).days < max(PERSON_WINDOWS)
        ]
        seen = {id_: row["user_id"] for id_, row, _, _ in windows}
        known = {person_id("user", user): user for user in self.accounts}
        found = {}
        for id_, user in (known | seen).items():
            account = self.account(user, as_of)
            if account and (account[1] or account[2]):
                continue
            is_open = account and not (account[5] and account[5] < self.end_of(as_of))
            if id_ not in seen and not is_open:
                continue
            mine = [each for each in windows if each[0] == id_]
            active = [day for _, row, _, day in mine if row["is_active"]]
            found[id_] = {
                "person_id": id_,
                "is_anonymous": user is None,
                **{name: account[0][name] if account else None for name in TRAITS},
                "registered_on": self.day_of(account[3]) if account else None,
                "last_active_on_90d": max(active, default=None),
                **self.counts(user, mine, as_of),
            }
        return found

    def counts(self, user, mine, as_of):
        counts = {}
        for days in PERSON_WINDOWS:
            inside = [row for _, row, ago, _ in mine if ago < days]
            for name in SUMMED:
                counts[f"{name}_{days}d"] = sum(row[name] for row in inside)
            counts[f"active_day_count_{days}d"] = sum(
                row["is_active"] for row in inside
            )
            counts[f"booking_count_{days}d"] = sum(
                booker == user and 0 <= (as_of - self.day_of(at)).days < days
                for booker, at in self.bookings
            )
        return counts


def made_world(connection, seed, **options):
    world = SegmentWorld(**options)
    world.make(connection, random.Random(seed))
    return world
