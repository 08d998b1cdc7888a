"""Utilisation of providers, counted on a grid of quarter hours.

Intervals are painted on the grid and squares are counted; nothing is merged or
intersected the way a query would do it.
"""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from orchestration.simulation.bookings import (
    ACCEPTED,
    BLOCK,
    BLOCK_STARTS,
    CANCELLED_BY_CUSTOMER,
    CANCELLED_BY_PROVIDER,
    Bookings,
)
from orchestration.simulation.catalogue import SLOT_MINUTES
from orchestration.simulation.setting import Setting
from orchestration.simulation.texts import numbered
from orchestration.simulation.world import DAY, HOUR, MINUTE, World

QUARTER = 15 * MINUTE
ANNOUNCED_DAYS = 14


def availability_of(setting: Setting) -> pl.DataFrame:
    """Return the rows of availability that exist at the end of the world.

    Two blocks on every open weekday, announced two weeks ahead. Some providers add a
    row that overlaps them, some one that fills their lunch; one afternoon in twenty is
    withdrawn two days before.
    """
    world, catalogue = setting.world, setting.catalogue
    offers = SLOT_MINUTES[catalogue.provider_site] > 0
    providers = np.flatnonzero(offers)
    days = np.arange(world.days + ANNOUNCED_DAYS)
    provider, day = (
        grid.ravel() for grid in np.meshgrid(providers, days, indexing="ij")
    )
    weekday = (world.start_on.weekday() + day) % 7
    is_open = catalogue.opening[provider, weekday]
    is_withdrawn = (provider * 31 + day * 7) % 20 == 0
    # A withdrawal two days ahead has happened when that morning has come.
    is_withdrawn &= day - 2 < world.days
    blocks = (
        (0, BLOCK_STARTS[0], BLOCK, is_open),
        (1, BLOCK_STARTS[1], BLOCK, is_open & ~is_withdrawn),
        (2, 10 * HOUR, 90, is_open & (provider % 9 == 0)),
        (3, 11 * HOUR + 30 * MINUTE, 120, is_open & (provider % 9 == 1)),
    )
    parts = []
    for number, start, minutes, exists in blocks:
        starts_at = world.start_of(0) + day[exists] * DAY + start
        parts.append(
            pl.DataFrame(
                {
                    "provider": provider[exists],
                    "day": day[exists],
                    "block": np.full(exists.sum(), number),
                    "starts_at": starts_at,
                    "ends_at": starts_at + minutes * MINUTE,
                }
            )
        )
    return pl.concat(parts).sort("provider", "starts_at", "block")


def utilisation_of(bookings: Bookings) -> pl.DataFrame:
    """Return seconds per provider over the days of the world.

    Accepted bookings count from the end of the world's view: neither declined nor
    cancelled by then. Those of test accounts do not.
    """
    setting, table = bookings.setting, bookings.table
    world = setting.world
    shape = (len(setting.catalogue.provider_site), world.days * DAY // QUARTER)
    available = np.zeros(shape, dtype=np.int16)
    slots = availability_of(setting)
    _paint(available, slots["provider"], slots["starts_at"], slots["ends_at"], world)

    stands = (table["decision"] == ACCEPTED) & (table["decided_at"] < world.end)
    is_cancelled = np.isin(
        table["ending"], (CANCELLED_BY_CUSTOMER, CANCELLED_BY_PROVIDER)
    )
    stands &= ~(is_cancelled & (table["ended_at"] < world.end))
    stands &= ~setting.people.is_test[table["customer"]]
    booked = np.zeros(shape, dtype=np.int16)
    _paint(
        booked,
        table["provider"][stands],
        table["starts_at"][stands],
        table["ends_at"][stands],
        world,
    )
    seconds = QUARTER // 1_000_000
    rows = {
        "available_seconds": (available > 0).sum(axis=1) * seconds,
        "booked_seconds": (booked > 0).sum(axis=1) * seconds,
        "double_booked_seconds": np.maximum(booked - 1, 0).sum(axis=1) * seconds,
        "outside_seconds": ((booked > 0) & (available == 0)).sum(axis=1) * seconds,
    }
    frame = pl.DataFrame(
        {"provider_id": numbered("prv_", np.arange(shape[0]), 6), **rows}
    )
    offers = pl.Series(SLOT_MINUTES[setting.catalogue.provider_site] > 0)
    rate = pl.col("booked_seconds") / pl.col("available_seconds")
    return frame.filter(offers).with_columns(
        pl.when(pl.col("available_seconds") > 0).then(rate).alias("utilisation_rate")
    )


def _paint(
    grid: np.ndarray,
    provider: ArrayLike,
    starts_at: ArrayLike,
    ends_at: ArrayLike,
    world: World,
) -> None:
    """Add one to every quarter hour of every interval, inside the world."""
    begin = world.start_of(0)
    first = (np.asarray(starts_at) - begin) // QUARTER
    last = (np.asarray(ends_at) - begin) // QUARTER
    length = last - first
    row = np.repeat(np.asarray(provider), length)
    step = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    column = np.repeat(first, length) + step
    inside = (column >= 0) & (column < grid.shape[1])
    np.add.at(grid, (row[inside], column[inside]), 1)
