"""Bookings of services: requested, decided, paid, carried out or not, refunded.

Each step is planned with its time as soon as the step before it is known; what lies
after the end of the world has simply not happened yet.
"""

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import CAMPAIGNS, SLOT_MINUTES, SLOT_STEP
from orchestration.simulation.moments import Moments
from orchestration.simulation.people import CUSTOMER, NOBODY
from orchestration.simulation.setting import Setting
from orchestration.simulation.tables import Growing
from orchestration.simulation.visits import Visits
from orchestration.simulation.world import CODE, DAY, HOUR, MINUTE, SECOND

PENDING, ACCEPTED, DECLINED, EXPIRED = range(4)
OPEN, COMPLETED, CANCELLED_BY_CUSTOMER, CANCELLED_BY_PROVIDER, NO_SHOW = range(5)
DECISIONS = {ACCEPTED: "accepted", DECLINED: "declined", EXPIRED: "expired"}
ENDINGS = {
    COMPLETED: "completed",
    CANCELLED_BY_CUSTOMER: "cancelled_by_customer",
    CANCELLED_BY_PROVIDER: "cancelled_by_provider",
    NO_SHOW: "no_show",
}
# How long a declined request stays before somebody tidies up and deletes it.
TIDY_AFTER = 3 * DAY
ANSWER_TIME = 72 * HOUR
HORIZON = 46
BLOCK = 180
BLOCK_STARTS = np.array([9 * HOUR, 13 * HOUR])
FEE = 0.15
TAX = 0.19


class Bookings:
    """All bookings of a world so far, and when providers are free."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.table = Growing(
            "customer",
            "provider",
            "listing",
            "visit",
            "requested_at",
            "starts_at",
            "ends_at",
            "list_price",
            "discount",
            "total",
            "fee",
            "tax",
            "campaign",
            "has_event",
            "decision",
            "decided_at",
            "paid_at",
            "failed_at",
            "ending",
            "ended_at",
            "refunded_at",
            "refund",
            "rating",
            "reviewed_at",
        )
        shape = (len(setting.catalogue.provider_site), setting.world.days + HORIZON, 12)
        self._is_taken = np.zeros(shape, dtype=bool)

    def request(self, day: int, visits: Visits, moments: Moments) -> np.ndarray:
        """Turn the attempts of a day into bookings.

        Returns the number of the booking of each moment, or -1.
        """
        dice = self.setting.world.dice("bookings", day)
        attempts = np.flatnonzero(
            (moments.name == CODE["booking_attempt"]) & (moments.user != NOBODY)
        )
        attempts = attempts[dice.random(len(attempts)) < 0.94]
        visit = moments.visit[attempts]
        arrival = visits.arrival[visit]
        booked = self._book(
            day,
            customer=moments.user[attempts],
            listing=moments.target[attempts],
            requested_at=moments.at[attempts],
            visit=visits.number[visit],
            campaign=np.where(arrival < len(CAMPAIGNS), arrival, NOBODY),
            has_event=1,
            dice=dice,
        )
        number = np.full(len(moments), NOBODY)
        number[attempts] = booked
        self._book_by_phone(day, len(attempts), dice)
        return number

    def _book_by_phone(self, day: int, count: int, dice: np.random.Generator) -> None:
        """Add bookings that no event tells of."""
        people = self.setting.people
        count = int(dice.poisson(0.03 * count))
        known = np.flatnonzero((people.kind == CUSTOMER) & (people.register_day < 0))
        if not count or not len(known):
            return
        start = self.setting.world.start_of(day)
        self._book(
            day,
            customer=dice.choice(known, count),
            listing=dice.integers(
                0, len(self.setting.catalogue.listing_provider), count
            ),
            requested_at=start + dice.integers(8 * 3600, 18 * 3600, count) * SECOND,
            visit=NOBODY,
            campaign=NOBODY,
            has_event=0,
            dice=dice,
        )

    def _book(
        self, day: int, *, dice: np.random.Generator, **columns: np.ndarray | int
    ) -> np.ndarray:
        catalogue = self.setting.catalogue
        listing = np.asarray(columns["listing"])
        count = len(listing)
        provider = catalogue.listing_provider[listing]
        starts_at = self._place(day, provider, dice)
        length = SLOT_MINUTES[catalogue.provider_site[provider]] * MINUTE
        price = catalogue.listing_price[listing]
        discount = np.where(dice.random(count) < 0.1, price // 10, 0)
        total = price - discount
        return self.table.append(
            provider=provider,
            starts_at=starts_at,
            ends_at=starts_at + length,
            list_price=price,
            discount=discount,
            total=total,
            fee=np.rint(total * FEE).astype(np.int64),
            tax=np.rint(total * TAX / (1 + TAX)).astype(np.int64),
            decision=PENDING,
            ending=OPEN,
            refund=0,
            rating=0,
            **columns,
        )

    def _place(
        self, day: int, provider: np.ndarray, dice: np.random.Generator
    ) -> np.ndarray:
        """Find a free slot of each provider, or an evening hour outside of all."""
        count = len(provider)
        world, catalogue = self.setting.world, self.setting.catalogue
        minutes = np.maximum(SLOT_MINUTES[catalogue.provider_site[provider]], 30)
        per_block = BLOCK // minutes
        starts_at = np.full(count, -1)
        open_now = np.arange(count)
        for _ in range(6):
            size = len(open_now)
            when = day + 1 + dice.integers(0, 14, size)
            slot = dice.integers(0, 1_000, size) % (2 * per_block[open_now])
            weekday = (world.start_on.weekday() + when) % 7
            who = provider[open_now]
            free = catalogue.opening[who, weekday]
            free &= ~self._is_taken[who, when, slot]
            place = (who * (world.days + HORIZON) + when) * 12 + slot
            _, first = np.unique(place, return_index=True)
            is_first = np.zeros(size, dtype=bool)
            is_first[first] = True
            fits = np.flatnonzero(free & is_first)
            self._is_taken[who[fits], when[fits], slot[fits]] = True
            chosen = open_now[fits]
            block, inside = np.divmod(slot[fits], per_block[chosen])
            starts_at[chosen] = (
                world.start_of(0)
                + when[fits] * DAY
                + BLOCK_STARTS[block]
                + inside * minutes[chosen] * MINUTE
            )
            open_now = np.setdiff1d(open_now, chosen)
        starts_at[open_now] = world.start_of(day + 2) + 19 * HOUR
        return self._misplaced(day, provider, starts_at, dice)

    def _misplaced(
        self,
        day: int,
        provider: np.ndarray,
        starts_at: np.ndarray,
        dice: np.random.Generator,
    ) -> np.ndarray:
        """Book a few twice, a few a quarter of an hour late, a few in the evening."""
        draw = dice.random(len(provider))
        latest = np.full(len(self.setting.catalogue.provider_site), -1)
        # Later rows win: the latest booking of each provider.
        latest[self.table["provider"]] = self.table["starts_at"]
        other = latest[provider]
        twice = (draw < 0.04) & (other > self.setting.world.start_of(day + 1))
        starts_at = np.where(twice, other, starts_at)
        shifted = (draw >= 0.04) & (draw < 0.06)
        starts_at = np.where(shifted, starts_at + SLOT_STEP, starts_at)
        return np.where(
            draw > 0.985, starts_at - starts_at % DAY + 18 * HOUR, starts_at
        )

    def decide(self, day: int, visits: Visits) -> tuple[np.ndarray, np.ndarray]:
        """Match open requests with the visits of their providers.

        Returns the bookings decided and the visit in which each is; those whose time
        is over expire.
        """
        table, world = self.table, self.setting.world
        pending = np.flatnonzero(table["decision"] == PENDING)
        deadline = np.minimum(
            table["requested_at"][pending] + ANSWER_TIME, table["starts_at"][pending]
        )
        order = np.lexsort((visits.start, visits.person))
        begin = world.start_of(day)
        span = 10 * DAY
        keys = visits.person[order] * span + (visits.start[order] - begin)
        person = self.setting.catalogue.provider_person[table["provider"][pending]]
        since = np.maximum(table["requested_at"][pending] + 2 * MINUTE - begin, 0)
        found = np.searchsorted(keys, person * span + since, side="left")
        inside = found < len(keys)
        visit = order[np.minimum(found, max(len(keys) - 1, 0))] if len(keys) else found
        matches = inside.copy()
        if len(keys):
            matches &= visits.person[visit] == person
            # Visits move later when a device is busy; an hour is more than they move.
            matches &= visits.start[visit] + 6 * HOUR < deadline
        expired = pending[~matches & (deadline < begin + DAY)]
        table["decision"][expired] = EXPIRED
        table["decided_at"][expired] = deadline[~matches & (deadline < begin + DAY)]
        return pending[matches], visit[matches]

    def settle(
        self, day: int, number: np.ndarray, decided_at: np.ndarray, accepts: np.ndarray
    ) -> None:
        """Record decisions and plan everything that follows from them."""
        table = self.table
        table["decision"][number] = np.where(accepts, ACCEPTED, DECLINED)
        table["decided_at"][number] = decided_at
        number, decided_at = number[accepts], decided_at[accepts]
        dice = self.setting.world.dice("what follows", day)
        count = len(number)
        starts_at, ends_at = table["starts_at"][number], table["ends_at"][number]
        room = np.maximum(starts_at - decided_at, 2 * MINUTE)

        pays = dice.random(count) < 0.95
        paid_at = decided_at + _part(room, 0.3 * dice.random(count))
        table["paid_at"][number] = np.where(pays, paid_at, -1)
        fails = pays & (dice.random(count) < 0.03)
        table["failed_at"][number] = np.where(fails, paid_at - MINUTE // 2, -1)

        ending = 1 + np.searchsorted([0.82, 0.91, 0.95], dice.random(count))
        early = decided_at + _part(room, 0.4 + 0.5 * dice.random(count))
        late = ends_at + dice.integers(1, 120, count) * MINUTE
        is_cancelled = np.isin(ending, (CANCELLED_BY_CUSTOMER, CANCELLED_BY_PROVIDER))
        ended_at = np.where(is_cancelled, early, late)
        table["ending"][number], table["ended_at"][number] = ending, ended_at
        self._plan_afterwards(number, pays, ended_at, dice)

    def _plan_afterwards(
        self,
        number: np.ndarray,
        pays: np.ndarray,
        ended_at: np.ndarray,
        dice: np.random.Generator,
    ) -> None:
        """Plan refunds and reviews."""
        table, count = self.table, len(number)
        ending, total = table["ending"][number], table["total"][number]
        in_time = table["starts_at"][number] - ended_at > DAY
        share = np.where(ending == CANCELLED_BY_PROVIDER, 1.0, 0.0)
        by_customer = ending == CANCELLED_BY_CUSTOMER
        share = np.where(by_customer, np.where(in_time, 1.0, 0.5), share)
        goodwill = (ending == COMPLETED) & (dice.random(count) < 0.015)
        share = np.where(goodwill, 0.2, share)
        # Whole units of 100, so that currencies without decimals stay whole too.
        refund = np.where(share == 1, total, np.rint(total * share / 100) * 100)
        refund = np.where(pays, refund, 0).astype(np.int64)
        wait = np.where(goodwill, 3 * DAY, HOUR)
        table["refund"][number] = refund
        table["refunded_at"][number] = np.where(refund > 0, ended_at + wait, -1)

        reviews = (ending == COMPLETED) & (dice.random(count) < 0.4)
        quality = 3.2 + (table["provider"][number] * 37 % 20) / 12
        rating = np.clip(np.rint(quality + dice.normal(0, 0.9, count)), 1, 5)
        table["rating"][number] = np.where(reviews, rating, 0)
        after = ended_at + dice.integers(1, 48, count) * HOUR
        table["reviewed_at"][number] = np.where(reviews, after, -1)

    def states(self) -> pl.Series:
        """Return the state of every booking at the end of the world."""
        table, end = self.table, self.setting.world.end
        state = np.full(len(table), "requested", dtype=object)
        for code, name in DECISIONS.items():
            state[(table["decision"] == code) & (table["decided_at"] < end)] = name
        state[(table["paid_at"] >= 0) & (table["paid_at"] < end)] = "paid"
        ended = (table["ended_at"] >= 0) & (table["ended_at"] < end)
        for code, name in ENDINGS.items():
            state[(table["ending"] == code) & ended] = name
        return pl.Series(state.tolist(), dtype=pl.String)

    def refused_again_at(self) -> np.ndarray:
        """Return when some end a second time before they begin, illegally, else -1."""
        refused = np.isin(self.table["decision"], (DECLINED, EXPIRED))
        refused &= np.arange(len(self.table)) % 4 == 3
        return np.where(refused, self.table["decided_at"] + MINUTE, -1)

    def is_tidied(self) -> np.ndarray:
        """Tell which bookings have been deleted: some of those declined."""
        declined = (self.table["decision"] == DECLINED) & (
            np.arange(len(self.table)) % 5 == 0
        )
        end = self.setting.world.end
        return declined & (self.table["decided_at"] + TIDY_AFTER < end)


def _part(room: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return a share of a span, in whole milliseconds."""
    return (room * share).astype(np.int64) // 1_000 * 1_000
