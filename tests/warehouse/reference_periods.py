"""Periods of a calendar, found by stepping through it on a wall clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class Clock:
    """A wall clock somewhere, and the day on which its weeks begin."""

    zone: ZoneInfo = UTC_ZONE
    week_starts: str = "monday"

    def start(self, instant: datetime, period: str) -> datetime:
        """Return when the period that holds an instant began."""
        local = instant.astimezone(self.zone)
        local = local.replace(minute=0, second=0, microsecond=0)
        if period == "hour":
            return local
        back = 0
        if period == "month":
            back = local.day - 1
        elif period == "week":
            back = (local.weekday() + (self.week_starts == "sunday")) % 7
        return (local - timedelta(days=back)).replace(hour=0)

    def after(self, start: datetime, period: str, count: int = 1) -> datetime:
        """Return the start of the period so many periods after the one begun."""
        for _ in range(count):
            if period == "hour":
                later = start.astimezone(UTC) + timedelta(hours=1)
                start = later.astimezone(self.zone)
            elif period == "month":
                start = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
            else:
                start += timedelta(days=7 if period == "week" else 1)
        return start

    def before(self, start: datetime, period: str) -> datetime:
        """Return the start of the period before the one begun."""
        return self.start(start.astimezone(UTC) - timedelta(seconds=1), period)

    def steps(self, start: datetime, later: datetime, period: str) -> int:
        """Return how many periods after the one begun an instant lies."""
        count = 0
        while (following := self.after(start, period)).astimezone(UTC) <= later:
            start, count = following, count + 1
        return count

    def within(self, first: datetime, last: datetime, period: str) -> list[datetime]:
        """Return the starts of the periods that a range of instants touches."""
        start, found = self.start(first, period), []
        while start.astimezone(UTC) <= last:
            found.append(start)
            start = self.after(start, period)
        return found


UTC_CLOCK = Clock()
