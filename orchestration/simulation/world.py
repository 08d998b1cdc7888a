"""What a simulated world is made of: its size, its troubles, its words and its dice."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zlib import crc32

import numpy as np

MILLISECOND = 1_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# SEMANTICS 2.2, restated: the plan, not the warehouse, decides what is true.
SESSION_GAP = 30 * MINUTE
SESSION_CAP = 24 * HOUR
# Late is up to three days; less than that, so that it is late by days and by hours.
LATEST = 2 * DAY + 21 * HOUR

EVENT_NAMES = (
    "page_view",
    "click",
    "scroll",
    "search_performed",
    "form_started",
    "form_field_changed",
    "form_submitted",
    "interaction",
    "conversion",
    "booking_attempt",
    "booking_completed",
    "chat_started",
    "chat_message_sent",
    "user_registered",
    "login_attempt",
    "error_occurred",
    "heatmap_pointer",
    "custom.add_to_cart",
    "notification_sent",
    "endpoint_performance",
    "web_vital",
    "experiment_exposure",
    "flag_evaluated",
    "consent_changed",
    "heartbeat",
    "http_request",
    "resource_used",
)
CODE = {name: code for code, name in enumerate(EVENT_NAMES)}
NON_INTERACTIVE = (
    "notification_sent",
    "endpoint_performance",
    "web_vital",
    "experiment_exposure",
    "flag_evaluated",
    "consent_changed",
    "heartbeat",
)
# The target of a conversion that is a purchase.
PURCHASE = 1
IS_INTERACTIVE = np.array([name not in NON_INTERACTIVE for name in EVENT_NAMES])
SENT_BY_SERVER = np.isin(
    EVENT_NAMES,
    (
        "notification_sent",
        "endpoint_performance",
        "experiment_exposure",
        "flag_evaluated",
    ),
)

SITES = ("tutoring", "accountancy", "events", "massage", "club")
BOOKING_SITES = (0, 1, 3)
OCCASION_SITES = (2, 4)


@dataclass(frozen=True)
class Troubles:
    """Shares of what goes wrong, each between 0 and 1; all 0 is a world at peace.

    Attributes
    ----------
    duplicates, conflicts, malformed, extra_properties : float
        Per event: sent again unchanged, sent again with another payload, replaced
        lines of nonsense, properties that no contract knows.
    late, very_late : float
        Per visit: delivered 1 to 3, or 10 to 40 days after it happened.
    bridges, pauses, splits : float
        Per visit: one late event that joins two halves; a silence of exactly 30:00,
        which continues a session; one of 30:00.001, which ends it.
    double_views : float
        Per page view: the same page fires again within a second.
    skewed_clocks, wrong_clocks, future_clocks : float
        Per device: a wrong clock that the sent time corrects; per person, on devices
        of their own: one that nothing corrects, one that runs ahead.
    bots, shared_devices, refused_consent, test_accounts : float
        Per person.
    kept_session_ids : float
        Per web device: the client session id is never renewed.
    """

    duplicates: float = 0.01
    conflicts: float = 0.002
    malformed: float = 0.002
    extra_properties: float = 0.01
    late: float = 0.015
    very_late: float = 0.004
    bridges: float = 0.01
    pauses: float = 0.01
    splits: float = 0.02
    double_views: float = 0.02
    skewed_clocks: float = 0.05
    wrong_clocks: float = 0.004
    future_clocks: float = 0.004
    bots: float = 0.004
    shared_devices: float = 0.06
    refused_consent: float = 0.04
    test_accounts: float = 0.004
    kept_session_ids: float = 0.05

    @classmethod
    def none(cls) -> "Troubles":
        """Return a world in which nothing goes wrong."""
        return cls(**dict.fromkeys(cls.__dataclass_fields__, 0.0))


@dataclass(frozen=True)
class World:
    """Everything the simulation depends on: equal worlds give equal bytes.

    Attributes
    ----------
    persons : int
        Customers; providers, bots and devices with hopeless clocks come on top.
    days, start_on : int, date
        The days that happened. Files of a day do not depend on how many follow.
    activity : float
        Mean visits per customer and day.
    """

    seed: int = 7
    persons: int = 2_000
    days: int = 35
    start_on: date = date(2026, 9, 28)
    activity: float = 0.3
    troubles: Troubles = field(default_factory=Troubles)

    def __post_init__(self) -> None:
        """Refuse a world that cannot be."""
        if self.persons < 1 or self.days < 1:
            msg = f"persons and days must be at least 1, got {self.persons, self.days}"
            raise ValueError(msg)

    def start_of(self, day: int) -> int:
        """Return the first microsecond (since 1970) of a day of the world."""
        midnight = datetime(
            self.start_on.year, self.start_on.month, self.start_on.day, tzinfo=UTC
        )
        return int(midnight.timestamp()) * SECOND + day * DAY

    def date_of(self, day: int) -> date:
        """Return the date of a day of the world."""
        return self.start_on + timedelta(days=day)

    @property
    def end(self) -> int:
        """The microsecond at which the simulated time stops."""
        return self.start_of(self.days)

    def dice(self, stream: str, day: int = 0) -> np.random.Generator:
        """Return the random numbers of one purpose on one day, and of nothing else."""
        # Negative days exist (what was there before the start) and seeds are unsigned.
        return np.random.default_rng(
            [self.seed, crc32(stream.encode()), day + 10_000, self.persons]
        )


def chosen(dice: np.random.Generator, weights: np.ndarray, size: int) -> np.ndarray:
    """Draw `size` indices with the given weights: one search, no loop."""
    bounds = np.cumsum(weights, dtype=float)
    return np.searchsorted(bounds / bounds[-1], dice.random(size), side="right")
