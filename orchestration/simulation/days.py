"""One planned day: its visits and moments, who is behind each, when each lands."""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from orchestration.simulation.bookings import Bookings
from orchestration.simulation.moments import Layout, Moments, lay_out_time
from orchestration.simulation.orders import Orders
from orchestration.simulation.people import NOBODY
from orchestration.simulation.scenes import (
    KIOSK_STEP,
    kiosk_visits,
    lay_out_bookings,
    lay_out_experiments,
    lay_out_extras,
    lay_out_identity,
    lay_out_idling,
    lay_out_occasions,
    tell_users,
)
from orchestration.simulation.setting import Setting
from orchestration.simulation.tables import Growing
from orchestration.simulation.visits import Progress, Visits, draw_visits
from orchestration.simulation.world import (
    CODE,
    DAY,
    MILLISECOND,
    SECOND,
    SENT_BY_SERVER,
    SESSION_CAP,
)

Kind = TypeVar("Kind")

WEB_BATCH, MOBILE_BATCH = 5 * SECOND, 30 * SECOND


@dataclass
class Day:
    """The plan of a day.

    Attributes
    ----------
    booking, order : ndarray
        Per moment, the number of the booking or order that came of it, or -1.
    received_at, land_day : ndarray
        Per moment, when a server first saw it and in which day's files it lies.
    person : ndarray
        Per moment, the person behind it by SEMANTICS 2.3 among what has landed, or -1
        where only the device is known.
    part : ndarray
        Per moment, which session of its visit it belongs to.
    """

    number: int
    visits: Visits
    moments: Moments
    booking: np.ndarray
    order: np.ndarray
    received_at: np.ndarray
    land_day: np.ndarray
    has_landed: np.ndarray
    person: np.ndarray
    part: np.ndarray

    @property
    def device(self) -> np.ndarray:
        """The device of each moment."""
        return self.visits.device[self.moments.visit]


class Planner:
    """Plans the days of a world one after the other."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.progress = Progress.at_start(setting.people, setting.devices)
        self.bookings = Bookings(setting)
        self.orders = Orders(setting)
        self.messages = Growing(
            "conversation", "sender", "recipient", "length", "sent_at"
        )

    def plan(self, day: int) -> Day:
        """Plan one day; days must be planned in order."""
        visits, moments = self._customers(day)
        number = self.bookings.request(day, visits, moments)
        order = self.orders.buy(day, visits, moments)
        self._tell_joined(moments)
        self._note_messages(visits, moments)
        parts = [(visits, moments, number, order)]
        parts += [self._providers(day), self._kiosks(day)]
        return self._joined(day, [part for part in parts if len(part[0])])

    def _customers(self, day: int) -> tuple[Visits, Moments]:
        setting = self.setting
        visits = draw_visits(setting, self.progress, day, of_providers=False)
        dice = setting.world.dice("scenes", day)
        layout = Layout()
        lay_out_idling(setting, visits, layout, dice)
        lay_out_identity(visits, layout, dice)
        lay_out_bookings(visits, layout, dice)
        lay_out_occasions(setting, visits, layout, dice)
        lay_out_extras(visits, layout, dice)
        lay_out_experiments(setting, day, visits, layout)
        moments = lay_out_time(setting, self.progress, visits, layout.ordered(), dice)
        tell_users(setting, visits, moments)
        return visits, moments

    def _tell_joined(self, moments: Moments) -> None:
        """Note when newcomers registered."""
        new = np.flatnonzero(moments.name == CODE["user_registered"])
        self.setting.people.joined_at[moments.user[new]] = moments.at[new]

    def _note_messages(self, visits: Visits, moments: Moments) -> None:
        """Note who wrote to whom, as far as they have an account."""
        said = (moments.name == CODE["chat_message_sent"]) & (moments.user != NOBODY)
        where = np.flatnonzero(said)
        conversation = visits.number[moments.visit[where]]
        providers = self.setting.catalogue.provider_person
        self.messages.append(
            conversation=conversation,
            sender=moments.user[where],
            recipient=providers[conversation % len(providers)],
            length=moments.value[where],
            sent_at=moments.at[where],
        )

    def _providers(self, day: int) -> tuple[Visits, Moments, np.ndarray, np.ndarray]:
        """Let providers come by, answer requests and drift on."""
        setting = self.setting
        visits = draw_visits(setting, self.progress, day, of_providers=True)
        dice = setting.world.dice("provider scenes", day)
        layout = Layout()
        lay_out_idling(setting, visits, layout, dice)
        number, visit = self.bookings.decide(day, visits)
        accepts = dice.random(len(number)) < 0.85
        key = 0.3 + dice.random(len(number)) / 10
        layout.add(
            visit[accepts], key[accepts], "booking_completed", value=number[accepts]
        )
        layout.add(visit[~accepts], key[~accepts], "click", target=number[~accepts])
        moments = lay_out_time(setting, self.progress, visits, layout.ordered(), dice)
        tell_users(setting, visits, moments)

        booking = np.full(len(moments), NOBODY)
        answers = ~moments.is_double & (moments.name == CODE["booking_completed"])
        refusals = (moments.name == CODE["click"]) & (moments.target >= 0)
        booking[answers] = moments.value[answers]
        booking[refusals] = moments.target[refusals]
        decided = np.flatnonzero(booking >= 0)
        self.bookings.settle(
            day, booking[decided], moments.at[decided], answers[decided]
        )
        booking[refusals] = NOBODY
        return visits, moments, booking, np.full(len(moments), NOBODY)

    def _kiosks(self, day: int) -> tuple[Visits, Moments, np.ndarray, np.ndarray]:
        """Let kiosks run for 50 hours: only the cap of 24 hours cuts them."""
        visits = kiosk_visits(self.setting, day, self.progress.visit_count)
        self.progress.visit_count += len(visits)
        layout = Layout()
        visit = np.repeat(np.arange(len(visits)), visits.size)
        step = np.arange(len(visit)) - (np.cumsum(visits.size) - visits.size)[visit]
        names = np.where(step % 2 == 0, CODE["page_view"], CODE["click"])
        layout.add(visit, step / 1_000, names, page=0, value=1)
        moments = layout.ordered()
        moments.at = visits.start[moments.visit] + step * KIOSK_STEP
        # The event exactly 24 h after the start still belongs to the session.
        whole = SESSION_CAP // KIOSK_STEP + 1
        moments.starts_part = (step > 0) & (step % whole == 0)
        nothing = np.full(len(moments), NOBODY)
        return visits, moments, nothing, nothing.copy()

    def _joined(
        self, day: int, groups: list[tuple[Visits, Moments, np.ndarray, np.ndarray]]
    ) -> Day:
        """Put the groups together, and say when each moment lands and whose it is."""
        shifts = np.cumsum([0, *(len(group[0]) for group in groups)])
        for shift, (_, moments, _, _) in zip(shifts, groups, strict=False):
            moments.visit = moments.visit + shift
        visits = _stacked(Visits, [group[0] for group in groups])
        moments = _stacked(Moments, [group[1] for group in groups])
        booking = np.concatenate([group[2] for group in groups])
        order = np.concatenate([group[3] for group in groups])
        received_at = self._receive(visits, moments)
        land_day = (received_at - self.setting.world.start_of(0)) // DAY
        has_landed = land_day < self.setting.world.days
        part = _parts(moments, has_landed)
        person = self._behind(visits, moments, has_landed, part)
        return Day(
            number=day,
            visits=visits,
            moments=moments,
            booking=booking,
            order=order,
            received_at=received_at,
            land_day=land_day,
            has_landed=has_landed,
            person=person,
            part=part,
        )

    def _receive(self, visits: Visits, moments: Moments) -> np.ndarray:
        """Browsers send every 5 seconds, phones every 30, servers at once."""
        device = visits.device[moments.visit]
        is_mobile = self.setting.devices.is_mobile[device]
        batch = np.where(is_mobile, MOBILE_BATCH, WEB_BATCH)
        travel = (20 + visits.number[moments.visit] * 37 % 800) * MILLISECOND
        sent = moments.at // batch * batch + batch + travel
        usual = np.where(SENT_BY_SERVER[moments.name], moments.at + 5_000, sent)
        return usual + moments.delay

    def _behind(
        self, visits: Visits, moments: Moments, has_landed: np.ndarray, part: np.ndarray
    ) -> np.ndarray:
        """Say who is behind each moment (SEMANTICS 2.3, time-bounded)."""
        user = np.where(has_landed, moments.user, NOBODY)
        known = np.flatnonzero(user != NOBODY)
        last = np.full(len(visits), NOBODY)
        # Later assignments win, and moments are in order.
        last[moments.visit[known]] = user[known]
        before = self._logged_in_before(visits, last)

        # The next login in the same session, found backwards; then the one before.
        count = len(moments)
        session = moments.visit * 8 + part
        index = np.where(user != NOBODY, np.arange(count), count)
        following = np.minimum.accumulate(index[::-1])[::-1]
        safe = np.minimum(following, count - 1)
        joins = (following < count) & (session[safe] == session)
        index = np.where(user != NOBODY, np.arange(count), -1)
        preceding = np.maximum.accumulate(index)
        earlier = (preceding >= 0) & (moments.visit[preceding] == moments.visit)
        carried = np.where(earlier, user[preceding], before[moments.visit])
        return np.where(joins, user[safe], carried)

    def _logged_in_before(self, visits: Visits, last: np.ndarray) -> np.ndarray:
        """Return who was last logged in on the device before each visit."""
        order = np.lexsort((visits.start, visits.device))
        device, ends = visits.device[order], last[order]
        index = np.where(ends != NOBODY, np.arange(len(order)), -1)
        latest = np.maximum.accumulate(np.append(-1, index))
        previous, including = latest[:-1], latest[1:]
        carry = self.progress.last_user

        def user_at(found: np.ndarray) -> np.ndarray:
            same = (found >= 0) & (device[found] == device)
            return np.where(same, ends[found], carry[device])

        before = np.empty_like(last)
        before[order] = user_at(previous)
        after = user_at(including)
        # In order of time, so the last visit of a device decides.
        carry[device] = after
        return before


def _parts(moments: Moments, has_landed: np.ndarray) -> np.ndarray:
    """Number the sessions inside each visit, among what has landed."""
    starts = moments.starts_part.copy()
    missing = np.flatnonzero(moments.is_bridge & ~has_landed)
    starts[missing + 1] = True
    total = np.cumsum(starts)
    first = np.flatnonzero(np.diff(moments.visit, prepend=-1))
    sizes = np.diff(np.append(first, len(moments)))
    return total - np.repeat(total[first], sizes)


def _stacked(kind: type[Kind], parts: list[Kind]) -> Kind:
    """Return the rows of all parts as one; each field is an array."""
    return kind(
        *(
            np.concatenate([getattr(part, name.name) for part in parts])
            for name in fields(kind)  # type: ignore[arg-type]
        )
    )
