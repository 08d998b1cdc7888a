"""Moments of visits: which events a visit consists of, in order and at what time.

A visit is laid out on keys from 0 to 1: what people do anyway at random keys, what the
visit is for (a login, a purchase) at fixed ones. Sorting by key and adding up gaps
gives times, so sessions are known before a single event is written.
"""

from dataclasses import dataclass, field, fields

import numpy as np

from orchestration.simulation.people import NOBODY
from orchestration.simulation.setting import Setting
from orchestration.simulation.visits import Progress, Visits
from orchestration.simulation.world import (
    CODE,
    DAY,
    IS_INTERACTIVE,
    LATEST,
    MILLISECOND,
    MINUTE,
    SECOND,
    SESSION_GAP,
)

# Between two visits of a device; more than a session gap, so that they never join.
REST = SESSION_GAP + MINUTE
LONGEST_GAP = 10 * MINUTE
SPLIT_GAP = SESSION_GAP + MILLISECOND


@dataclass
class Moments:
    """One element per event, in the order of the visit.

    Attributes
    ----------
    visit : ndarray
        Index into the day's visits; `part` counts the sessions inside the visit.
    target : ndarray
        Listing, occasion, experiment or number of what the event is about.
    value : ndarray
        Minor units, counts or other numbers that the event carries.
    delay : ndarray
        How much later than usual the event is received.
    """

    visit: np.ndarray
    key: np.ndarray
    name: np.ndarray
    page: np.ndarray
    target: np.ndarray
    value: np.ndarray
    is_double: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    is_bridge: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    starts_part: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    delay: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    at: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    user: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        """Return how many moments there are."""
        return len(self.visit)

    def taken(self, index: np.ndarray) -> "Moments":
        """Return the moments at an index or mask."""
        return Moments(*(getattr(self, name.name)[index] for name in fields(self)))


class Layout:
    """Collects the moments of a day's visits, in any order."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(
        self,
        visit: np.ndarray,
        key: float | np.ndarray,
        name: str | np.ndarray,
        **details: int | np.ndarray,
    ) -> None:
        """Add one moment to each given visit (a visit may be given repeatedly)."""
        shape = len(visit)
        code = CODE[name] if isinstance(name, str) else name
        self._parts.append(
            (
                visit,
                np.broadcast_to(key, shape),
                np.broadcast_to(code, shape),
                *(
                    np.broadcast_to(details.get(column, NOBODY), shape)
                    for column in ("page", "target", "value")
                ),
            )
        )

    def ordered(self) -> Moments:
        """Return all moments ordered by visit and key."""
        columns = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        order = np.lexsort((columns[1], columns[0]))
        moments = Moments(*(column[order] for column in columns))
        count = len(moments)
        for name in ("is_double", "is_bridge", "starts_part"):
            setattr(moments, name, np.zeros(count, dtype=bool))
        for name in ("delay", "at"):
            setattr(moments, name, np.zeros(count, dtype=np.int64))
        moments.user = np.full(count, NOBODY)
        return moments


def lay_out_time(
    setting: Setting,
    progress: Progress,
    visits: Visits,
    moments: Moments,
    dice: np.random.Generator,
) -> Moments:
    """Give every moment its time and plant what tests the edges of sessions."""
    moments = _with_double_views(setting, visits, moments, dice)
    moments.page = _carried(moments.page)
    moments.delay = visits.delay[moments.visit]
    gap = _draw_gaps(moments, dice)
    _plant_silences(setting, visits, moments, gap, dice)

    first = _first_of_visit(moments.visit)
    gap[first] = 0
    since_day = np.cumsum(gap)
    offset = since_day - since_day[first][moments.visit]
    last = np.append(first, len(moments))[1:] - 1
    visits.start = _keep_apart(visits, offset[last], progress)
    moments.at = visits.start[moments.visit] + offset
    return moments


def _first_of_visit(visit: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(visit, prepend=-1))


def _carried(page: np.ndarray) -> np.ndarray:
    """Let every moment happen on the last page viewed; a visit starts with a view."""
    known = np.where(page >= 0, np.arange(len(page)), 0)
    return page[np.maximum.accumulate(known)]


def _with_double_views(
    setting: Setting, visits: Visits, moments: Moments, dice: np.random.Generator
) -> Moments:
    share = setting.world.troubles.double_views
    twice = (moments.name == CODE["page_view"]) & (dice.random(len(moments)) < share)
    twice &= visits.size[moments.visit] > 1
    index = np.repeat(np.arange(len(moments)), 1 + twice)
    moments = moments.taken(index)
    moments.is_double = np.diff(index, prepend=-1) == 0
    return moments


def _draw_gaps(moments: Moments, dice: np.random.Generator) -> np.ndarray:
    """Draw the silence before each moment, in whole milliseconds."""
    count = len(moments)
    usual = dice.lognormal(9.7, 1.1, count)
    gap = np.clip(usual, 1_500, LONGEST_GAP // MILLISECOND).astype(np.int64)
    # What no person does follows at once, so that it can never stretch a silence.
    soon = dice.integers(1, 300, count)
    gap = np.where(IS_INTERACTIVE[moments.name], gap, soon)
    gap = np.where(moments.is_double, dice.integers(5, 700, count), gap)
    return gap * MILLISECOND


def _plant_silences(
    setting: Setting,
    visits: Visits,
    moments: Moments,
    gap: np.ndarray,
    dice: np.random.Generator,
) -> None:
    """Plant silences of exactly and just over 30 minutes, and late bridges."""
    troubles = setting.world.troubles
    draw = dice.random(len(visits))
    draw = np.where(setting.devices.is_recoverable[visits.device], draw, 1.0)
    interactive = IS_INTERACTIVE[moments.name] & ~moments.is_double
    same = np.diff(moments.visit, prepend=-1) == 0
    usual = interactive & same & np.append(False, interactive[:-1])
    usual &= ~np.append(False, moments.is_double[:-1])

    bounds = np.cumsum([troubles.pauses, troubles.splits, troubles.bridges])
    pause = _one_each(usual & (draw < bounds[0])[moments.visit], moments, dice)
    gap[pause] = SESSION_GAP
    splits = ((draw >= bounds[0]) & (draw < bounds[1]))[moments.visit]
    split = _one_each(usual & splits, moments, dice)
    gap[split] = SPLIT_GAP
    moments.starts_part[split] = True

    # A bridge carries no meaning of its own, and its neighbours are ordinary.
    idle = np.isin(moments.name, (CODE["click"], CODE["scroll"]))
    bridges = ((draw >= bounds[1]) & (draw < bounds[2]))[moments.visit]
    bridges &= visits.delay[moments.visit] == 0
    bridge = _one_each(
        usual & idle & np.append(usual[1:], False) & bridges, moments, dice
    )
    gap[bridge] = gap[bridge + 1] = 20 * MINUTE
    moments.is_bridge[bridge] = True
    late = dice.integers(DAY // SECOND, LATEST // SECOND, len(bridge)) * SECOND
    moments.delay[bridge] = late


def _one_each(
    eligible: np.ndarray, moments: Moments, dice: np.random.Generator
) -> np.ndarray:
    """Return one random eligible moment of every visit that has any."""
    index = dice.permutation(np.flatnonzero(eligible))
    _, where = np.unique(moments.visit[index], return_index=True)
    return index[where]


def _keep_apart(visits: Visits, length: np.ndarray, progress: Progress) -> np.ndarray:
    """Move visits of a device later until more than a session gap lies between them."""
    order = np.lexsort((visits.start, visits.device))
    device, start = visits.device[order], visits.start[order]
    start = np.maximum(start, progress.busy_until[device])
    need = length[order] + REST
    is_first = np.diff(device, prepend=-1) != 0
    group = np.cumsum(is_first) - 1
    before = np.cumsum(need) - need
    before -= before[is_first][group]
    # start[i] = before[i] + max over j <= i of (start[j] - before[j]), per device:
    # one running maximum, with the devices lifted apart so that they do not mix.
    earliest = int(start.min()) if len(start) else 0
    lift = group * (40 * DAY)
    slack = np.maximum.accumulate(start - earliest - before + lift + 20 * DAY)
    moved = slack - lift - 20 * DAY + earliest + before

    is_last = np.diff(device, append=-1) != 0
    ends = moved + need
    # Phones stamp microseconds of their own; keep the next start on the same ones.
    progress.busy_until[device[is_last]] = ends[is_last]
    result = np.empty_like(moved)
    result[order] = moved
    return result
