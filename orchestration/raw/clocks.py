"""Three clocks of an event: when it happened, when it was sent, when it was received.

All instants leave here in UTC; days are days of the reporting timezone.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from orchestration.raw.reasons import Reason, RejectedError

# A device whose corrected clock is still ahead of ours by more is not believed.
CLOCK_TOLERANCE = timedelta(minutes=5)
# Further ahead it is not a clock but a made-up date.
FUTURE_LIMIT = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)
_MICROSECOND = timedelta(microseconds=1)
_TICKS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
TIME_UNITS = ("iso", *_TICKS)
_INSTANT = re.compile(
    r"\A\d{4}-\d{2}-\d{2}[Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
    r" ?([Zz]|[+-]\d{2}(:?\d{2})?)?\Z",
    re.ASCII,
)


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
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise ValueError
    return datetime.fromisoformat(value.upper().replace(" +", "+").replace(" Z", "Z"))


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
    last = (start + _QUARTER - _MICROSECOND).astimezone(zone)
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
