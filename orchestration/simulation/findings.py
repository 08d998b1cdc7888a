"""Findings of a day besides sessions: troubles, touches, exposures, conversions."""

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import (
    ARRIVALS,
    CAMPAIGNS,
    CHANNELS,
    used_resources,
)
from orchestration.simulation.days import Day
from orchestration.simulation.deliveries import Deliveries
from orchestration.simulation.experiments import EXPERIMENTS
from orchestration.simulation.facts import (
    CLOCK_TOLERANCE,
    SOURCES,
    seen_at,
    session_number,
)
from orchestration.simulation.people import BOT, NOBODY
from orchestration.simulation.setting import Setting
from orchestration.simulation.texts import instants_of, numbered, picked
from orchestration.simulation.truth import Truth
from orchestration.simulation.world import (
    CODE,
    DAY,
    EVENT_NAMES,
    PURCHASE,
    SENT_BY_SERVER,
)

GOALS = ("booking_attempt", "user_registered", "conversion", "custom.add_to_cart")
CONVERSIONS = ("registration", "purchase", "newsletter_signup")
ARRIVAL_CHANNELS = (
    *(CHANNELS[medium] for _, _, _, medium, *_ in CAMPAIGNS),
    *(channel for channel, *_ in ARRIVALS),
)


def add_findings(
    truth: Truth, setting: Setting, day: Day, copies: Deliveries, own: pl.DataFrame
) -> None:
    """Add everything about a day that the facts do not say."""
    shared = _Shared(setting, day)
    truth.add("deliveries_daily", _deliveries(setting, day, copies, own))
    truth.add("touches", _touches(day, shared))
    truth.add("exposures", _exposures(day, shared))
    truth.add("conversions", _conversions(day, shared))
    truth.add("occasion_steps", _occasion_steps(day, shared))
    truth.add("resource_uses", _resource_uses(day, shared))


class _Shared:
    """Who, where and when of a day's moments, as columns for a few of them."""

    def __init__(self, setting: Setting, day: Day) -> None:
        self.setting = setting
        self.day = day
        self.seen_at = seen_at(setting, day)

    def rows(self, moments: np.ndarray, **columns: pl.Series) -> pl.DataFrame:
        """Return the landed rows among some moments, with columns of their own."""
        day, people, devices = self.day, self.setting.people, self.setting.devices
        visit, device = day.moments.visit[moments], day.device[moments]
        visitor = day.visits.person[visit]
        counts = devices.has_consent[device] & ~people.is_test[visitor]
        frame = pl.DataFrame(
            {
                "person": self._persons(day.person[moments], moments),
                # Whom the event names itself, or the device, whoever was behind it.
                "unit": self._persons(day.moments.user[moments], moments),
                "device_id": picked(devices.device_id, device),
                "session_number": session_number(
                    day.visits.number[visit], day.part[moments]
                ),
                "occurred_at": instants_of(self.seen_at[moments]),
                "is_counted": counts & (people.kind[visitor] != BOT),
                "is_recoverable": devices.is_recoverable[device],
                **columns,
            }
        )
        return frame.filter(pl.Series(day.has_landed[moments]))

    def _persons(self, users: np.ndarray, moments: np.ndarray) -> pl.Series:
        people, devices = self.setting.people, self.setting.devices
        user = picked(people.user_id, users)
        device = picked(devices.device_id, self.day.device[moments])
        return pl.select(
            pl.coalesce(pl.lit("user:") + user, pl.lit("device:") + device)
        ).to_series()


def _deliveries(
    setting: Setting, day: Day, copies: Deliveries, own: pl.DataFrame
) -> pl.DataFrame:
    """Count copies by source, day, lateness and kind."""
    device = day.device[copies.moment]
    from_server = SENT_BY_SERVER[day.moments.name[copies.moment]]
    mobile = setting.devices.is_mobile[device]
    seen = seen_at(setting, day)[copies.moment]
    is_ahead = _is_clock_future(setting, day)[copies.moment]
    landed = setting.world.start_of(0) // DAY + copies.land_day
    frame = pl.DataFrame(
        {
            "occurred_on": _days(seen // DAY),
            "received_on": _days(copies.received_at // DAY),
            "landed_on": _days(landed),
            "source": picked(
                pl.Series(SOURCES), np.where(from_server, 2, np.where(mobile, 1, 0))
            ),
            "is_repeat": copies.is_repeat,
            "is_conflict": copies.is_conflict,
            "has_consent": setting.devices.has_consent[device],
            "is_clock_future": is_ahead,
        }
    )
    if len(own):
        others = own.select(
            pl.col("occurred_at").dt.date().alias("occurred_on"),
            pl.col("received_at").dt.date().alias("received_on"),
            pl.col("received_at").dt.date().alias("landed_on"),
            pl.lit("server").alias("source"),
            pl.lit(value=False).alias("is_repeat"),
            pl.lit(value=False).alias("is_conflict"),
            pl.lit(value=True).alias("has_consent"),
            pl.lit(value=False).alias("is_clock_future"),
        )
        frame = pl.concat([frame, others])
    return frame.group_by(pl.all(), maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("record_count")
    )


def _days(days: np.ndarray) -> pl.Series:
    return pl.Series(days, dtype=pl.Int32).cast(pl.Date)


def _is_clock_future(setting: Setting, day: Day) -> np.ndarray:
    """Tell moments whose uncorrected clock is not to be believed."""
    devices, device = setting.devices, day.device
    is_ahead = day.moments.at + devices.skew[device] > day.received_at + CLOCK_TOLERANCE
    corrects = devices.has_sent_time[device] | SENT_BY_SERVER[day.moments.name]
    return is_ahead & ~corrects


def _touches(day: Day, shared: _Shared) -> pl.DataFrame:
    """Return the beginnings of visits: the only moments that carry a campaign."""
    first = np.flatnonzero(np.diff(day.moments.visit, prepend=-1))
    arrival = day.visits.arrival[day.moments.visit[first]]
    campaigns = pl.Series([code for code, *_ in CAMPAIGNS])
    campaign = np.where(arrival < len(CAMPAIGNS), arrival, NOBODY)
    return shared.rows(
        first,
        channel=picked(pl.Series(ARRIVAL_CHANNELS), arrival),
        utm_source=picked(pl.Series([row[2] for row in CAMPAIGNS]), campaign),
        utm_medium=picked(pl.Series([row[3] for row in CAMPAIGNS]), campaign),
        utm_campaign=picked(campaigns, campaign),
    )


def _exposures(day: Day, shared: _Shared) -> pl.DataFrame:
    where = np.flatnonzero(day.moments.name == CODE["experiment_exposure"])
    number, arm = day.moments.target[where], day.moments.value[where]
    first = np.cumsum([0, *(len(experiment.arms) for experiment in EXPERIMENTS)])
    arms = pl.Series([name for experiment in EXPERIMENTS for name in experiment.arms])
    ids = pl.Series([experiment.experiment_id for experiment in EXPERIMENTS])
    return shared.rows(
        where,
        experiment_id=picked(ids, number),
        variant=picked(arms, first[number] + arm),
    )


def _conversions(day: Day, shared: _Shared) -> pl.DataFrame:
    """Return what experiments, attribution and funnels call a goal."""
    codes = [CODE[name] for name in GOALS]
    where = np.flatnonzero(np.isin(day.moments.name, codes))
    name, target = day.moments.name[where], day.moments.target[where]
    is_conversion = name == CODE["conversion"]
    order, booking = day.order[where], day.booking[where]
    return shared.rows(
        where,
        event_name=picked(pl.Series(EVENT_NAMES), name),
        conversion_type=picked(
            pl.Series(CONVERSIONS), np.where(is_conversion, target, NOBODY)
        ),
        order_id=_numbers("ord_", order),
        booking_id=_numbers("bkg_", booking),
    )


def _resource_uses(day: Day, shared: _Shared) -> pl.DataFrame:
    """Return who opened, downloaded or finished which resource."""
    where = np.flatnonzero(day.moments.name == CODE["resource_used"])
    resource, use = used_resources(day.moments.value[where])
    return shared.rows(where, resource_id=resource, use=use)


def _occasion_steps(day: Day, shared: _Shared) -> pl.DataFrame:
    """Return steps 2 to 4 of view, occasion, cart, purchase; views precede all."""
    moments = day.moments
    views = (moments.name == CODE["interaction"]) & (moments.target < NOBODY)
    views &= moments.value == 0
    carts = moments.name == CODE["custom.add_to_cart"]
    buys = (moments.name == CODE["conversion"]) & (moments.target == PURCHASE)
    where = np.flatnonzero(views | carts | buys)
    step = np.where(views[where], 2, np.where(carts[where], 3, 4))
    occasion = day.visits.target[moments.visit[where]]
    return shared.rows(
        where, step=pl.Series(step), occasion_id=numbered("occ_", occasion, 6)
    )


def _numbers(prefix: str, numbers: np.ndarray) -> pl.Series:
    texts = numbered(prefix, np.maximum(numbers, 0))
    return pl.select(pl.when(pl.Series(numbers >= 0)).then(texts)).to_series()
