"""Three clocks of an event: when it happened, when it was sent, when it was received.

All instants leave here in UTC; days are days of the reporting timezone.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from orchestration.raw.reasons import Reason, RejectedError

# A device whose corrected clock is still ahead of ours by more is not believed.
CLOCK_TOLERANCE = timedelta(minutes=5)
# Further ahead it is not a clock but a made-up date.
FUTURE_LIMIT = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)
MICROSECOND = timedelta(microseconds=1)
_TICKS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
TIME_UNITS = ("iso", *_TICKS)
_INSTANT = re.compile(
    r"\A(\d{4}-\d{2}-\d{2}[Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)"
    r"(?:(?<=:\d{2}:\d{2})\.(\d+))? ?([Zz]|[+-]\d{2}(?::?\d{2})?)?\Z",
    re.ASCII,
)


# No instant; earlier than any that Python has.
NEVER = -(2**63)
FIRST_MICROS = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_MICROS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_DAY = timedelta(days=1) // MICROSECOND
_QUARTER_MICROS = _QUARTER // MICROSECOND
LATENESS = ("on_time", "late", "too_late")

Instants = np.ndarray


class SettledInstants(NamedTuple):
    """What the clocks of many events say; nothing where they are not settled.

    Attributes
    ----------
    instants : array of int64
        Corrected, in microseconds since 1970.
    days : array of int64
        Days since 1970.
    is_future : array of bool
        Whether the device's clock was ahead and not believed.
    lateness : array of int
        Places in LATENESS.
    is_settled : array of bool
        False where the clocks are refused, or where only `settle` can tell the day.
    """

    instants: Instants
    days: np.ndarray
    is_future: np.ndarray
    lateness: np.ndarray
    is_settled: np.ndarray


# What the clocks of one event say together: the corrected instant, its day, whether
# the device's clock was ahead and not believed, and how late the event came.
Settled = tuple[datetime, date, bool, str]


def to_utc(instant: datetime, zone: tzinfo = UTC) -> datetime:
    """Return `instant` in UTC; without an offset it is a reading in `zone`."""
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=zone)
    return instant.astimezone(UTC)


def to_micros(instant: datetime) -> int:
    """Return an instant as whole microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant of so many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def read_instant(
    value: object, *, unit: str, zone: tzinfo, pointer: str
) -> datetime | None:
    """Return the instant that a source's field means; None where it is empty.

    Text follows ISO 8601 with seconds optional. A day without a time is not an
    instant, and 24:00 and leap seconds name none that Postgres would keep apart.
    """
    if value is None or value == "":
        return None
    expected = "an instant of ISO 8601" if unit == "iso" else f"a number, {unit}"
    try:
        if isinstance(value, datetime):
            return to_utc(value, zone)
        if unit == "iso":
            return to_utc(_from_text(value), zone)
        return _from_ticks(value, _TICKS[unit])
    except (ValueError, OverflowError):
        raise RejectedError(Reason.INVALID_TIME, pointer, expected) from None


def _from_text(value: object) -> datetime:
    match = _INSTANT.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    instant, fraction, offset = match.groups()
    # Rounded as the decoder of plain lines rounds, at half a microsecond up.
    nanoseconds = int((fraction or "0")[:9].ljust(9, "0"))
    return datetime.fromisoformat(instant.upper() + (offset or "").upper()) + (
        (nanoseconds + 500) // 1_000 * MICROSECOND
    )


def _from_ticks(value: object, ticks: int) -> datetime:
    if isinstance(value, str):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError  # noqa: TRY004  told as an invalid time, like the others
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    # Whole numbers stay whole: no float holds an epoch in microseconds exactly.
    micros = value * (1_000_000 // ticks)
    return EPOCH + timedelta(microseconds=round(micros))


@lru_cache(maxsize=4096)
def _day_of_quarter(zone: ZoneInfo, quarter: int) -> date | None:
    """Return the day of a quarter of an hour, None if it lies in more than one."""
    start = EPOCH + quarter * _QUARTER
    first = start.astimezone(zone)
    last = (start + _QUARTER - MICROSECOND).astimezone(zone)
    moved = first.utcoffset() != last.utcoffset()
    return None if moved or first.date() != last.date() else first.date()


class Clocks:
    """Settles the clocks of events of one file.

    Parameters
    ----------
    timezone : str
        The reporting timezone.
    now : datetime
        When the load began; only bounds what no receipt bounds.
    floor : date or None
        The first day that is kept; None keeps everything since 1970.
    days_late_allowed : int
        Days of delay up to which a row is late, beyond which it is too late.
    """

    def __init__(
        self,
        *,
        timezone: str,
        now: datetime,
        floor: date | None,
        days_late_allowed: int,
    ) -> None:
        self._zone = ZoneInfo(timezone)
        self._is_utc = timezone in {"UTC", "Etc/UTC"}
        self._horizon = to_utc(now) + FUTURE_LIMIT
        self._floor = max(floor or EPOCH.date(), EPOCH.date())
        self._days_late_allowed = days_late_allowed

    def day_of(self, instant: datetime) -> date:
        """Return the reporting day of an instant in UTC."""
        if self._is_utc:
            return instant.date()
        day = _day_of_quarter(self._zone, (instant - EPOCH) // _QUARTER)
        return day or instant.astimezone(self._zone).date()

    def settle(
        self, occurred: datetime, sent: datetime | None, received: datetime | None
    ) -> Settled:
        """Correct the device's clock by what the other two show, and name the day.

        A device that knows when it sent shows by how much it is wrong; the time
        between the event and the sending is right on any clock.
        """
        is_future = False
        if received is None:
            if occurred > self._horizon:
                _refuse("/occurred_at", "at most a day ahead of the load")
        elif received > self._horizon:
            _refuse("/received_at", "at most a day ahead of the load")
        else:
            if sent is not None:
                occurred = _corrected(occurred, sent, received)
            is_future = occurred > received + CLOCK_TOLERANCE
            if is_future:
                if occurred > received + FUTURE_LIMIT:
                    _refuse("/occurred_at", "at most a day ahead of its receipt")
                occurred = received
        day = self.day_of(occurred)
        if day < self._floor:
            _refuse("/occurred_at", f"not before {self._floor}")
        return occurred, day, is_future, self._lateness(day, received)

    def settle_all(
        self, occurred: Instants, sent: Instants, received: Instants
    ) -> SettledInstants:
        """Settle the clocks of many events; those it leaves open go through `settle`.

        Parameters
        ----------
        occurred, sent, received : array of int64
            Microseconds since 1970; NEVER where there is none.
        """
        is_received = received != NEVER
        horizon, floor = to_micros(self._horizon), (self._floor - EPOCH.date()).days
        is_settled = np.where(is_received, received, occurred) <= horizon
        corrected = np.where(
            is_received & (sent != NEVER), received - (sent - occurred), occurred
        )
        is_settled &= (corrected >= FIRST_MICROS) & (corrected <= LAST_MICROS)
        ahead = np.where(is_received, corrected - received, 0)
        is_settled &= ahead <= FUTURE_LIMIT // MICROSECOND
        is_future = ahead > CLOCK_TOLERANCE // MICROSECOND
        instants = np.where(is_future, received, corrected)
        days, is_known = self._days_of(instants)
        is_settled &= is_known & (days >= floor)
        received_on, is_known = self._days_of(np.where(is_received, received, instants))
        is_settled &= is_known
        delays = received_on - days
        lateness = (delays > 0).astype(np.int8) + (delays > self._days_late_allowed)
        return SettledInstants(instants, days, is_future, lateness, is_settled)

    def _days_of(self, instants: Instants) -> tuple[np.ndarray, np.ndarray]:
        """Return days since 1970 by the reporting timezone, and where they are sure."""
        if self._is_utc:
            return instants // _DAY, np.ones(len(instants), bool)
        quarters, places = np.unique(instants // _QUARTER_MICROS, return_inverse=True)
        days = np.array(
            [self._day_of_quarter(quarter) for quarter in quarters.tolist()]
        )
        return days[places], days[places] != NEVER

    def _day_of_quarter(self, quarter: int) -> int:
        try:
            day = _day_of_quarter(self._zone, quarter)
        except OverflowError:
            day = None
        return NEVER if day is None else (day - EPOCH.date()).days

    def _lateness(self, day: date, received: datetime | None) -> str:
        """Label the delay in reporting days; unknown receipt is no delay."""
        if received is None:
            return "on_time"
        delay = (self.day_of(received) - day).days
        if delay <= 0:
            return "on_time"
        return "late" if delay <= self._days_late_allowed else "too_late"


def _corrected(occurred: datetime, sent: datetime, received: datetime) -> datetime:
    """Return when it happened by the receiver's clock."""
    try:
        return received - (sent - occurred)
    except OverflowError:
        expected = "within the calendar of the other two"
        raise RejectedError(Reason.IMPOSSIBLE_TIME, "/sent_at", expected) from None


def _refuse(pointer: str, expected: str) -> None:
    raise RejectedError(Reason.IMPOSSIBLE_TIME, pointer, expected)
