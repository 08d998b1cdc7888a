"""What the five sites offer: pages, services, listings, occasions, campaigns."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from orchestration.simulation.people import PROVIDER, People
from orchestration.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    OCCASION_SITES,
    SITES,
    World,
)

SERVICES = (
    ("tutoring", "Mathematics lesson", 60),
    ("tutoring", "Arabic lesson", 60),
    ("accountancy", "VAT return", 30),
    ("accountancy", "Annual accounts", 30),
    ("massage", "Massage 90", 90),
    ("massage", "Deep tissue 90", 90),
)
SLOT_MINUTES = np.array([60, 30, 0, 90, 0])
CURRENCIES = ("EUR", "IDR", "JPY")
EXPONENTS = np.array([2, 2, 0])
CITIES = ("Berlin", "Dublin", "Paris", "Oran", "Jakarta", "London", "Tokyo")
FIXED_PAGES = (
    "/",
    "/search",
    "/about",
    "/pricing",
    "/register",
    "/login",
    "/account",
    "/cart",
    "/checkout",
    "/chat",
    "/provider/requests",
    "/occasions",
    *(f"/articles/{slug}" for slug in ("welcome", "first-steps", "safety", "tax-2026")),
    *(f"/resources/{slug}" for slug in ("scratch", "python", "worksheet-7")),
)
# Pages whose text and files are content of the app, by their number there.
CONTENT = [
    path for path in FIXED_PAGES if path.startswith(("/articles/", "/resources/"))
]
RESOURCES = pl.Series(
    [f"art_{n}" for n, path in enumerate(CONTENT) if path.startswith("/resources/")]
)
USES = pl.Series(["view", "view", "view", "view", "download", "complete"])
# So many of what would be interactions with listings are uses of a resource.
USED_ONE_IN = 5
PAGE = {path: number for number, path in enumerate(FIXED_PAGES)}
# Popularity of the fixed pages as places people drift to.
DRIFT = np.array(
    [20, 14, 3, 5, 2, 2, 6, 1, 0, 3, 0, 8, 4, 3, 2, 2, 3, 3, 2], dtype=float
)
ENDPOINTS = (
    "/api/search",
    "/api/listings/:id",
    "/api/bookings",
    "/api/occasions/:id",
    "/api/cart",
    "/api/payments",
    "/api/messages",
    "/api/session",
)
SEARCH_TERMS = (
    "maths tutor",
    "arabic lessons",
    "vat return",
    "jazz concert",
    "massage therapist",
    "python for kids",
    "annual accounts",
    "comedy",
    "deep tissue",
    "scratch club",
)
ERRORS = (
    ("TypeError", "Cannot read properties of undefined (reading 'price')"),
    ("NetworkError", "Failed to fetch"),
    ("PaymentDeclined", "The card was declined"),
    ("ValidationError", "The chosen time is no longer free"),
)

# code, name, source, medium, weight among arrivals, daily spend in cents, first day.
CAMPAIGNS = (
    ("autumn_search", "Autumn search", "google", "cpc", 10, 12_000, 0),
    ("friends_feed", "Friends feed", "facebook", "paid_social", 7, 8_000, 0),
    ("weekly_letter", "Weekly letter", "newsletter", "email", 6, 0, 0),
    ("concert_banners", "Concert banners", "adnet", "display", 4, 5_000, 7),
    ("tax_season", "Tax season", "bing", "cpc", 3, 3_000, 14),
    ("quiet_posters", "Posters without clicks", "posters", "offline", 0, 2_500, 0),
)
# How people arrive without a campaign: channel, referrer, weight.
ARRIVALS = (
    ("direct", None, 35),
    ("organic_search", "https://www.google.com/", 22),
    ("organic_social", "https://www.instagram.com/", 8),
    ("referral", "https://forum.example/parents", 5),
)
CHANNELS = {
    "cpc": "paid_search",
    "paid_social": "paid_social",
    "email": "email",
    "display": "display",
    "offline": "offline",
}


@dataclass(frozen=True)
class Catalogue:
    """Providers, listings and occasions, by index; pages come from `paths`.

    Occasions are ordered by the day they go on sale, so that a longer world only
    appends.
    """

    provider_person: np.ndarray
    provider_site: np.ndarray
    provider_currency: np.ndarray
    provider_city: np.ndarray
    opening: np.ndarray
    listing_provider: np.ndarray
    listing_service: np.ndarray
    listing_price: np.ndarray
    occasion_provider: np.ndarray
    occasion_site: np.ndarray
    occasion_on_sale: np.ndarray
    occasion_starts: np.ndarray
    occasion_price: np.ndarray
    occasion_cancelled: np.ndarray
    paths: pl.Series

    @property
    def first_occasion_page(self) -> int:
        """The page number of occasion 0; listings come before."""
        return len(FIXED_PAGES) + len(self.listing_provider)

    def listings_of(self, site: int) -> np.ndarray:
        """Return the listings of one site."""
        return np.flatnonzero(self.provider_site[self.listing_provider] == site)

    def on_sale(self, day: int, site: int, start: int) -> np.ndarray:
        """Return the occasions of a site that can be bought during the whole day."""
        return np.flatnonzero(
            (self.occasion_site == site)
            & (self.occasion_on_sale <= day)
            & (self.occasion_starts > start + DAY + 2 * HOUR)
            # Two days before its start a cancelled occasion is off sale.
            & ~(self.occasion_cancelled & (self.occasion_starts < start + 4 * DAY))
        )


def draw_catalogue(world: World, people: People) -> Catalogue:
    """Return what is offered in a world."""
    dice = world.dice("catalogue")
    person = people.of_kind(PROVIDER)
    site = people.site[person]
    count = len(person)
    draw = dice.random(count)
    currency = np.where(site == 3, 1, np.where((site == 0) & (draw < 0.1), 2, 0))

    per_provider = np.where(SLOT_MINUTES[site] > 0, dice.integers(1, 4, count), 0)
    owner = np.repeat(np.arange(count), per_provider)
    service = 2 * np.array([0, 1, 0, 2, 0])[site[owner]]
    service += dice.integers(0, 2, len(owner))
    price = _draw_prices(currency[owner], dice)

    occasions = _draw_occasions(world, site)
    paths = [
        *FIXED_PAGES,
        *(f"/listings/lst_{n:06d}" for n in range(len(owner))),
        *(f"/occasions/occ_{n:06d}" for n in range(len(occasions["provider"]))),
    ]
    return Catalogue(
        provider_person=person,
        provider_site=site,
        provider_currency=currency,
        provider_city=people.home[person],
        opening=dice.random((count, 7)) < 0.8,
        listing_provider=owner,
        listing_service=service,
        listing_price=price,
        occasion_provider=occasions["provider"],
        occasion_site=site[occasions["provider"]],
        occasion_on_sale=occasions["on_sale"],
        occasion_starts=occasions["starts"],
        occasion_price=occasions["price"],
        occasion_cancelled=occasions["cancelled"],
        paths=pl.Series(paths),
    )


def used_resources(value: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Return which resource was used and how, by the value of the moment."""
    number = value // USED_ONE_IN
    use = number // len(RESOURCES) % len(USES)
    return RESOURCES.gather(number % len(RESOURCES)), USES.gather(use)


def _draw_prices(currency: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Return minor units: 30 to 95 EUR, 150,000 to 475,000 IDR, 3,000 to 9,500 JPY."""
    count = len(currency)
    size = np.array([500, 25_000_00, 500])[currency]
    price = (6 + dice.integers(0, 14, count)) * size
    odd = (dice.random(count) < 0.3) & (currency == 0)
    return np.where(odd, price - 1, price)


def _draw_occasions(world: World, site: np.ndarray) -> dict[str, np.ndarray]:
    """Draw occasions day by day, each day with dice of its own."""
    organisers = np.flatnonzero(np.isin(site, OCCASION_SITES))
    per_day = 2 + world.persons // 4_000
    parts = []
    for day in range(-20, world.days):
        dice = world.dice("occasions", day)
        # Organisers take turns, so that every site always has something on sale.
        turn = np.arange(per_day) + (day + 20) * per_day
        provider = organisers[turn % len(organisers)]
        lead = dice.integers(6, 26, per_day)
        hour = dice.integers(16, 21, per_day)
        price = dice.integers(10, 80, per_day) * 100 + 50 * (turn % 2)
        parts.append(
            {
                "provider": provider,
                "on_sale": np.full(per_day, day),
                "starts": world.start_of(day) + lead * DAY + hour * HOUR,
                "price": np.where(SITE_IS_FREE[site[provider]], 0, price),
                "cancelled": dice.random(per_day) < 0.04,
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


SITE_IS_FREE = np.array([name == "club" for name in SITES])
OCCASION_LENGTH = 2 * HOUR
SLOT_STEP = 15 * MINUTE
