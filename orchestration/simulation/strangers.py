"""Strangers: visitors whom only the older tracker or the web server's log sees."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from orchestration.simulation.facts import SCHEMA, hits_of
from orchestration.simulation.world import HOUR, SECOND, SESSION_GAP, World

# Numbers of their sessions, far above those of visits.
FIRST_SESSION = 1 << 50


@dataclass(frozen=True)
class Requests:
    """One element per event of strangers on one day, in order of stranger and time."""

    stranger: np.ndarray
    session: np.ndarray
    at: np.ndarray


def draw_requests(
    world: World, day: int, dice: np.random.Generator, count: int
) -> Requests:
    """Draw the day of `count` strangers: at most one visit each, in whole seconds.

    A few visits hold a silence of exactly 30 minutes, which continues their session;
    a few one of a second more, which ends it.
    """
    stranger = np.flatnonzero(dice.random(count) < world.activity)
    size = 1 + dice.geometric(0.2, len(stranger))
    visit = np.repeat(np.arange(len(stranger)), size)
    step = np.arange(len(visit)) - (np.cumsum(size) - size)[visit]
    gap = (
        np.clip(dice.lognormal(3.5, 1.0, len(visit)), 2, 600).astype(np.int64) * SECOND
    )
    second = step == 1
    draw = dice.random(len(stranger))[visit]
    gap = np.where(second & (draw < world.troubles.pauses), SESSION_GAP, gap)
    splits = second & (draw > 1 - world.troubles.splits)
    gap = np.where(splits, SESSION_GAP + SECOND, gap)
    gap = np.where(step == 0, 0, gap)

    since = np.cumsum(gap)
    start = (
        dice.integers(6 * HOUR // SECOND, 18 * HOUR // SECOND, len(stranger)) * SECOND
    )
    offset = since - since[step == 0][visit]
    part = np.cumsum(splits) - np.cumsum(splits)[step == 0][visit]
    session = FIRST_SESSION + (day * count + stranger[visit]) * 2 + part
    return Requests(
        stranger=stranger[visit],
        session=session,
        at=world.start_of(day) + start[visit] + offset,
    )


def facts_of_strangers(
    requests: Requests,
    *,
    first: tuple[int, int],
    source: int,
    names: np.ndarray,
    pages: np.ndarray,
    is_bot: np.ndarray,
) -> pl.DataFrame:
    """Return the facts of strangers: nobody knows them, nothing of theirs is late.

    `first` holds the number of their first device and that of the first device's
    person.
    """
    count = len(requests.at)
    device = first[0] + requests.stranger
    return pl.DataFrame(
        {
            "session": requests.session,
            "device": device,
            "person": first[1] + requests.stranger,
            "name": names,
            "seen_at": requests.at,
            "at": requests.at,
            "page": pages,
            # They only ever look at occasions, and only ever buy.
            "hit": hits_of(
                names,
                is_occasion_view=np.ones(count, dtype=bool),
                is_purchase=np.ones(count, dtype=bool),
            ),
            "source": np.full(count, source),
            "is_interactive": np.ones(count, dtype=bool),
            "is_double": np.zeros(count, dtype=bool),
            "is_bot": is_bot,
            "is_test": np.zeros(count, dtype=bool),
            "has_consent": np.ones(count, dtype=bool),
            "is_recoverable": np.ones(count, dtype=bool),
        },
        schema=SCHEMA,
    )
