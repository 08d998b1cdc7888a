"""What the servers report: answers of endpoints, notifications, exposures, flags."""

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import ENDPOINTS
from orchestration.simulation.days import Day
from orchestration.simulation.deliveries import Deliveries
from orchestration.simulation.people import CUSTOMER, NOBODY
from orchestration.simulation.rendering import NAMES, Once
from orchestration.simulation.setting import Setting
from orchestration.simulation.texts import picked, uuids
from orchestration.simulation.visits import DROP_DAY, HOURS
from orchestration.simulation.world import HOUR, MILLISECOND, chosen

SLOW_DAY, SLOW_ENDPOINT, SLOW_FROM = 20, 0, 14 * HOUR
SLOW_LENGTH = 2 * HOUR
ANSWERS_PER_EVENT = 0.12
COLUMNS = (
    "event_id",
    "event_name",
    "occurred_at",
    "received_at",
    "device_id",
    "user_id",
    "consent",
    "is_test",
    "properties",
)


class Services:
    """Reports of the servers, as frames with the native columns."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._consent = _consents(setting)

    def rows(self, day: Day, once: Once, copies: Deliveries) -> pl.DataFrame:
        """Return the server's own copies of events that happened in visits."""
        moment = copies.moment
        device = day.device[moment]
        people, devices = self.setting.people, self.setting.devices
        return pl.DataFrame(
            {
                "event_id": once.event_id.gather(moment),
                "event_name": picked(NAMES, day.moments.name[moment]),
                "occurred_at": _instants(day.moments.at[moment]),
                "received_at": _instants(copies.received_at),
                "device_id": devices.device_id.gather(device),
                "user_id": picked(people.user_id, day.moments.user[moment]),
                "consent": self._consent.gather(device),
                "is_test": people.is_test[devices.owner[device]],
                "properties": once.properties.gather(moment),
            }
        ).select(COLUMNS)

    def of_their_own(self, day: Day) -> pl.DataFrame:
        """Return what no visit causes: timings of endpoints, notifications."""
        world = self.setting.world
        dice = world.dice("services", day.number)
        return pl.concat([self._answers(day, dice), self._notifications(day, dice)])

    def _answers(self, day: Day, dice: np.random.Generator) -> pl.DataFrame:
        count = int(ANSWERS_PER_EVENT * len(day.moments))
        hour = chosen(dice, HOURS, count)
        since = hour * HOUR + dice.integers(0, HOUR // MILLISECOND, count) * MILLISECOND
        endpoint = chosen(dice, np.array([30, 20, 8, 12, 6, 3, 11, 10]), count)
        took = np.clip(dice.lognormal(4.8, 0.6, count), 5, 30_000)
        if day.number == SLOW_DAY:
            is_slow = (endpoint == SLOW_ENDPOINT) & (since >= SLOW_FROM)
            is_slow &= since < SLOW_FROM + SLOW_LENGTH
            took = np.where(is_slow, took * 20, took)
        draw = dice.random(count)
        status = np.where(draw < 0.008, 500, np.where(draw < 0.03, 404, 200))
        frame = pl.DataFrame(
            {
                "endpoint": picked(pl.Series(ENDPOINTS), endpoint),
                "took": took.astype(np.int64),
                "status": status,
            }
        )
        properties = frame.select(
            pl.concat_str(
                pl.lit('{"endpoint":"'),
                "endpoint",
                pl.lit('","method":"GET",'),
                pl.lit('"response_time_ms":'),
                "took",
                pl.lit(',"status_code":'),
                "status",
                pl.lit("}"),
            )
        ).to_series()
        return self._frame(dice, "endpoint_performance", day, since, properties, None)

    def _notifications(self, day: Day, dice: np.random.Generator) -> pl.DataFrame:
        people = self.setting.people
        known = (people.kind == CUSTOMER) & (people.register_day < day.number)
        known &= people.has_consent
        users = np.flatnonzero(
            known & (dice.random(len(known)) < 0.02 * (day.number != DROP_DAY))
        )
        since = dice.integers(0, 24 * HOUR // MILLISECOND, len(users)) * MILLISECOND
        text = '{"channel":"push","notification_type":"reminder"}'
        properties = pl.Series([text]).gather(np.zeros(len(users), dtype=np.int64))
        return self._frame(dice, "notification_sent", day, since, properties, users)

    def _frame(
        self,
        dice: np.random.Generator,
        name: str,
        day: Day,
        since: np.ndarray,
        properties: pl.Series,
        users: np.ndarray | None,
    ) -> pl.DataFrame:
        order = np.argsort(since, kind="stable")
        at = self.setting.world.start_of(day.number) + since[order]
        count = len(order)
        nobody = np.full(count, NOBODY)
        who = nobody if users is None else users[order]
        people = self.setting.people
        return pl.DataFrame(
            {
                "event_id": uuids(dice, count),
                "event_name": pl.Series([name], dtype=pl.String).gather(
                    np.zeros(count, dtype=np.int64)
                ),
                "occurred_at": _instants(at),
                # The same instant: what happens at midnight lands on its own day.
                "received_at": _instants(at),
                "device_id": picked(self.setting.devices.device_id, nobody),
                "user_id": picked(people.user_id, who),
                "consent": _granted(count),
                "is_test": pl.Series(people.is_test[who] & (who >= 0)),
                "properties": properties.gather(order),
            }
        ).select(COLUMNS)


def endpoints_of(own: pl.DataFrame) -> pl.DataFrame:
    """Return requests, failures and time taken per endpoint and day."""
    said = pl.Struct(
        {"endpoint": pl.String, "response_time_ms": pl.Int64, "status_code": pl.Int64}
    )
    return (
        own.filter(pl.col("event_name") == "endpoint_performance")
        .select(
            pl.col("occurred_at").dt.date().alias("day"),
            pl.col("properties").str.json_decode(said).struct.unnest(),
        )
        .group_by("day", "endpoint")
        .agg(
            pl.len().cast(pl.Int64).alias("request_count"),
            (pl.col("status_code") >= 500).sum().cast(pl.Int64).alias("failed_count"),
            pl.col("response_time_ms").sum().alias("total_ms"),
            pl.col("response_time_ms").max().alias("longest_ms"),
        )
        .sort("endpoint")
    )


def _instants(micros: np.ndarray) -> pl.Series:
    return pl.Series(micros).cast(pl.Datetime("us", "UTC"))


def _granted(count: int) -> pl.Series:
    texts = pl.Series([["analytics"]], dtype=pl.List(pl.String))
    return texts.gather(np.zeros(count, dtype=np.int64))


def _consents(setting: Setting) -> pl.Series:
    devices = setting.devices
    texts = pl.Series(
        [["analytics", "marketing"], ["analytics"], []], dtype=pl.List(pl.String)
    )
    return texts.gather(np.where(devices.has_consent, devices.release % 2, 2))
