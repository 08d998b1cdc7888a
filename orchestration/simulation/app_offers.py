"""Offers in the app database: listings, hours, occasions, campaigns, content."""

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import (
    CAMPAIGNS,
    CITIES,
    CONTENT,
    CURRENCIES,
    EXPONENTS,
    OCCASION_LENGTH,
    SERVICES,
    SITES,
    SLOT_MINUTES,
)
from orchestration.simulation.days import Planner
from orchestration.simulation.orders import NOTICE
from orchestration.simulation.texts import (
    decimals,
    instants_of,
    numbered,
    picked,
    repeated,
)
from orchestration.simulation.utilisation import ANNOUNCED_DAYS, availability_of
from orchestration.simulation.world import DAY, HOUR


def services(planner: Planner) -> pl.DataFrame:
    """Return the kinds of service."""
    before = instants_of(np.full(len(SERVICES), planner.setting.world.start_of(-90)))
    return pl.DataFrame(
        {
            "id": [f"srv_{number}" for number in range(len(SERVICES))],
            "vertical": [vertical for vertical, _, _ in SERVICES],
            "name": [name for _, name, _ in SERVICES],
            "duration_minutes": [minutes for *_, minutes in SERVICES],
            "is_active": [True] * len(SERVICES),
            "created_at": before,
            "updated_at": before,
        }
    )


def listings(planner: Planner) -> pl.DataFrame:
    """Return what providers offer at which price."""
    catalogue = planner.setting.catalogue
    provider, count = catalogue.listing_provider, len(catalogue.listing_provider)
    currency = catalogue.provider_currency[provider]
    before = instants_of(np.full(count, planner.setting.world.start_of(-60)))
    names = pl.Series([name for _, name, _ in SERVICES])
    return pl.DataFrame(
        {
            "id": numbered("lst_", np.arange(count), 6),
            "provider_id": numbered("prv_", provider, 6),
            "service_id": numbered("srv_", catalogue.listing_service, 1),
            "title": picked(names, catalogue.listing_service),
            "price": decimals(catalogue.listing_price, EXPONENTS[currency]),
            "currency": picked(pl.Series(CURRENCIES), currency),
            "duration_minutes": SLOT_MINUTES[catalogue.provider_site[provider]],
            "status": repeated("published", count),
            "created_at": before,
            "updated_at": before,
        }
    )


def availability_slots(planner: Planner) -> pl.DataFrame:
    """Return when providers can be booked."""
    setting = planner.setting
    slots = availability_of(setting)
    announced = setting.world.start_of(0) + (slots["day"] - ANNOUNCED_DAYS) * DAY
    identity = slots["provider"] * 100_000 + slots["day"] * 10 + slots["block"]
    return pl.DataFrame(
        {
            "id": numbered("slt_", identity.to_numpy(), 10),
            "provider_id": numbered("prv_", slots["provider"].to_numpy(), 6),
            "starts_at": slots["starts_at"].cast(pl.Datetime("us", "UTC")),
            "ends_at": slots["ends_at"].cast(pl.Datetime("us", "UTC")),
            "created_at": announced.cast(pl.Datetime("us", "UTC")),
            "updated_at": announced.cast(pl.Datetime("us", "UTC")),
        }
    )


def occasions(planner: Planner) -> pl.DataFrame:
    """Return what happens once."""
    setting = planner.setting
    catalogue, end = setting.catalogue, setting.world.end
    starts = catalogue.occasion_starts
    count = len(starts)
    on_sale = setting.world.start_of(0) + catalogue.occasion_on_sale * DAY
    is_off = catalogue.occasion_cancelled & (starts - NOTICE < end)
    is_over = starts + OCCASION_LENGTH < end
    status = np.where(is_off, 0, np.where(is_over, 1, 2))
    changed = np.where(is_off, starts - NOTICE, on_sale)
    changed = np.where(is_over & ~is_off, starts + OCCASION_LENGTH, changed)
    return pl.DataFrame(
        {
            "id": numbered("occ_", np.arange(count), 6),
            "organiser_id": numbered("prv_", catalogue.occasion_provider, 6),
            "site": picked(pl.Series(SITES), catalogue.occasion_site),
            "title": numbered("Evening no. ", np.arange(count), 1),
            "category": picked(
                pl.Series(["", "", "concert", "", "club_session"]),
                catalogue.occasion_site,
            ),
            "venue": picked(
                pl.Series(CITIES), catalogue.provider_city[catalogue.occasion_provider]
            ),
            "starts_at": instants_of(starts),
            "ends_at": instants_of(starts + OCCASION_LENGTH),
            "capacity": repeated(500, count),
            "price": decimals(catalogue.occasion_price, np.full(count, 2)),
            "currency": repeated("EUR", count),
            "status": picked(pl.Series(["cancelled", "finished", "on_sale"]), status),
            "created_at": instants_of(on_sale),
            "updated_at": instants_of(changed),
        }
    )


def campaigns(planner: Planner) -> pl.DataFrame:
    """Return the campaigns."""
    world = planner.setting.world
    before = instants_of(np.full(len(CAMPAIGNS), world.start_of(-30)))
    count = len(CAMPAIGNS)
    return pl.DataFrame(
        {
            "code": [code for code, *_ in CAMPAIGNS],
            "name": [name for _, name, *_ in CAMPAIGNS],
            "utm_source": [row[2] for row in CAMPAIGNS],
            "utm_medium": [row[3] for row in CAMPAIGNS],
            "starts_on": [world.date_of(row[6]) for row in CAMPAIGNS],
            "ends_on": pl.Series([None] * count, dtype=pl.Date),
            "budget": [f"{row[5] * 60 / 100:.2f}" for row in CAMPAIGNS],
            "currency": ["EUR"] * count,
            "is_active": [True] * count,
            "created_at": before,
            "updated_at": before,
        }
    )


def campaign_spend(planner: Planner) -> pl.DataFrame:
    """Return what each campaign cost each day."""
    world = planner.setting.world
    rows = []
    for code, _, _, _, weight, cents, first in CAMPAIGNS:
        for day in range(first, world.days):
            amount = cents + (day * 37 + weight * 11) % 500 if cents else 0
            rows.append(
                {
                    "campaign_code": code,
                    "spent_on": world.date_of(day),
                    "impressions": amount * 4,
                    "clicks": amount // 40,
                    "amount": f"{amount / 100:.2f}",
                    "currency": "EUR",
                    "updated_at": world.start_of(day) + DAY - HOUR,
                }
            )
    stamp = pl.col("updated_at").cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(rows).with_columns(stamp)


def articles(planner: Planner) -> pl.DataFrame:
    """Return the pages with content."""
    setting = planner.setting
    author = setting.people.user_id[int(setting.catalogue.provider_person[0])]
    rows = []
    for number, path in enumerate(CONTENT):
        days = _published_days(planner, number)
        rows.append(
            {
                "id": f"art_{number}",
                "site": SITES[number % 5],
                "kind": "article" if path.startswith("/articles/") else "resource",
                "slug": path.rsplit("/", 1)[1],
                "title": path.rsplit("/", 1)[1].replace("-", " ").capitalize(),
                "author_id": author,
                "current_version": len(days),
                "status": "published",
                "published_at": setting.world.start_of(days[0]) + 9 * HOUR,
                "created_at": setting.world.start_of(days[0]),
                "updated_at": setting.world.start_of(days[-1]) + 9 * HOUR,
            }
        )
    times = pl.col("published_at", "created_at", "updated_at")
    return pl.DataFrame(rows).with_columns(times.cast(pl.Datetime("us", "UTC")))


def article_versions(planner: Planner) -> pl.DataFrame:
    """Return every version of the content."""
    world = planner.setting.world
    rows = []
    for number, path in enumerate(CONTENT):
        for version, day in enumerate(_published_days(planner, number), 1):
            rows.append(
                {
                    "article_id": f"art_{number}",
                    "version": version,
                    "word_count": 300 + 40 * number + 25 * version,
                    "checksum": f"{number:02x}{version:02x}" * 8,
                    "resources": f'[{{"path":"{path}","bytes":{1_000 * version}}}]',
                    "published_at": world.start_of(day) + 9 * HOUR,
                    "updated_at": world.start_of(day) + 9 * HOUR,
                }
            )
    times = pl.col("published_at", "updated_at").cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(rows).with_columns(times)


def _published_days(planner: Planner, number: int) -> list[int]:
    return [day for day in (-30 + number, 5, 20) if day < planner.setting.world.days]
