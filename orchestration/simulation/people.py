"""Who takes part and on which devices; drawn once, before the first day."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from orchestration.simulation.texts import fixed_width, hexes, numbered
from orchestration.simulation.world import DAY, HOUR, MILLISECOND, World, chosen

CUSTOMER, PROVIDER, BOT, KIOSK, WRONG_CLOCK, FUTURE_CLOCK = range(6)
KIND_NAMES = ("customer", "provider", "bot", "kiosk", "wrong_clock", "future_clock")
NEVER = 1 << 30
NOBODY = -1
ARRIVAL_DAYS = 60
USUAL_ACTIVITY = 0.3

LOCALES = ("de-DE", "en-IE", "fr-FR", "ar-DZ", "id-ID", "en-GB", "ja-JP")
COUNTRIES = ("DE", "IE", "FR", "DZ", "ID", "GB", "JP")
REGIONS = ("DE-BE", "IE-D", "FR-IDF", "DZ-16", "ID-JK", "GB-LND", "JP-13")
# Hours east of UTC; European clocks change on 25 October 2026.
SUMMER_HOURS = np.array([2, 1, 2, 1, 7, 1, 9])
WINTER_HOURS = np.array([1, 0, 1, 1, 7, 0, 9])

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, "
    "like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
)
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36",
)
BOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)
AGENTS = BROWSERS + PHONES + BOT_AGENTS
FIRST_PHONE = len(BROWSERS)
FIRST_BOT = FIRST_PHONE + len(PHONES)


@dataclass(frozen=True)
class People:
    """One element per person (or bot, or hopeless device); the index is the person.

    `register_day` is the first day on which a visit leads to a registration, a day
    before the world for those registered already, NEVER for those who will not.
    """

    kind: np.ndarray
    site: np.ndarray
    rate: np.ndarray
    arrival_day: np.ndarray
    register_day: np.ndarray
    joined_at: np.ndarray
    has_consent: np.ndarray
    is_test: np.ndarray
    home: np.ndarray
    main_device: np.ndarray
    second_device: np.ndarray
    shared_device: np.ndarray
    partner: np.ndarray
    user_id: pl.Series

    def of_kind(self, kind: int) -> np.ndarray:
        """Return the indices of one kind."""
        return np.flatnonzero(self.kind == kind)


@dataclass(frozen=True)
class Devices:
    """One element per browser or install; the index is the device.

    `skew` is what the device's clock shows too much; `has_sent_time` says whether it
    reports when it sent, which is what makes the skew harmless.
    """

    device_id: pl.Series
    owner: np.ndarray
    is_mobile: np.ndarray
    is_shared: np.ndarray
    skew: np.ndarray
    has_sent_time: np.ndarray
    is_recoverable: np.ndarray
    keeps_session_id: np.ndarray
    has_consent: np.ndarray
    micro: np.ndarray
    agent: np.ndarray
    address: pl.Series
    home: np.ndarray
    release: np.ndarray


def _kinds(world: World) -> np.ndarray:
    troubles = world.troubles

    def share(of: float) -> int:
        return max(2, round(world.persons * of)) if of else 0

    counts = [
        world.persons,
        # As many as the visitors keep busy, however rarely each of them comes.
        max(10, round(world.persons * world.activity / 12)),
        share(troubles.bots * world.activity / USUAL_ACTIVITY),
        2 + world.persons // 20_000,
        share(troubles.wrong_clocks),
        share(troubles.future_clocks),
    ]
    return np.repeat(np.arange(len(counts)), counts)


def draw_people(world: World) -> tuple[People, Devices]:
    """Return the people of a world and their devices."""
    dice = world.dice("people")
    kind = _kinds(world)
    size = len(kind)
    customer, provider = kind == CUSTOMER, kind == PROVIDER
    arrival, register = _draw_careers(kind, dice)
    consent = ~(customer & (dice.random(size) < world.troubles.refused_consent))
    main, second, shared, partner, device_count = _hand_out(world, kind, consent, dice)
    is_test = _draw_tests(world, customer & consent & (partner < 0), dice)
    arrival = np.where(is_test, -60, arrival)
    register = np.where(is_test, -50, register)
    # Couples are old customers, both with an account: only then is sharing a trouble.
    arrival = np.where(partner >= 0, -30, arrival)
    register = np.where(partner >= 0, -20, register)

    people = People(
        kind=kind,
        site=np.where(provider, np.arange(size) % 5, dice.integers(0, 5, size)),
        rate=_draw_rates(world, kind, is_test, dice),
        arrival_day=arrival,
        register_day=register,
        joined_at=world.start_of(0)
        + register * DAY
        + dice.integers(6 * HOUR // MILLISECOND, 22 * HOUR // MILLISECOND, size)
        * MILLISECOND,
        has_consent=consent,
        is_test=is_test,
        home=chosen(dice, np.array([35, 10, 20, 10, 12, 10, 3]), size),
        main_device=main,
        second_device=second,
        shared_device=shared,
        partner=partner,
        user_id=numbered("usr_", np.arange(size)),
    )
    return people, _draw_devices(world, people, device_count)


def _draw_careers(
    kind: np.ndarray, dice: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of arrival and of registration."""
    size = len(kind)
    customer, provider = kind == CUSTOMER, kind == PROVIDER
    arrival = np.where(
        dice.random(size) < 0.5,
        dice.integers(-60, 0, size),
        dice.integers(0, ARRIVAL_DAYS, size),
    )
    arrival = np.where(customer, arrival, -60)
    register = arrival + dice.geometric(0.3, size) - 1
    register = np.where(customer & (dice.random(size) < 0.3), NEVER, register)
    register = np.where(customer | provider, register, NEVER)
    register = np.where(provider, np.minimum(register, -1), register)
    return arrival, register


def _draw_rates(
    world: World, kind: np.ndarray, is_test: np.ndarray, dice: np.random.Generator
) -> np.ndarray:
    """Return mean visits per day; kiosks have visits of their own making."""
    rate = world.activity * dice.gamma(1.5, 1 / 1.5, len(kind))
    rate = np.where(is_test, world.activity, rate)
    rate = np.where(kind == PROVIDER, 1.5, rate)
    rate = np.where(kind == BOT, 2.0, rate)
    return np.where(kind == KIOSK, 0.0, rate)


def _draw_tests(world: World, may: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Choose test accounts; sharing no device, their flag excludes nobody else."""
    share = world.troubles.test_accounts
    count = max(2, round(world.persons * share)) if share else 0
    is_test = np.zeros(len(may), dtype=bool)
    is_test[dice.permutation(np.flatnonzero(may))[:count]] = True
    return is_test


def _hand_out(
    world: World, kind: np.ndarray, consent: np.ndarray, dice: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Give everybody a device, some a second one, and some couples one to share."""
    size = len(kind)
    nothing = np.full(size, NOBODY)
    second, shared, partner = nothing.copy(), nothing.copy(), nothing.copy()
    owners = np.flatnonzero((kind == CUSTOMER) & (dice.random(size) < 0.35))
    second[owners] = size + np.arange(len(owners))
    count = size + len(owners)

    wanted = int(world.persons * world.troubles.shared_devices) // 2 * 2
    willing = np.flatnonzero((kind == CUSTOMER) & consent)
    couples = dice.permutation(willing)[: min(wanted, len(willing) // 2 * 2)]
    left, right = couples[::2], couples[1::2]
    shared[left] = shared[right] = count + np.arange(len(left))
    partner[left], partner[right] = right, left
    return np.arange(size), second, shared, partner, count + len(left)


def _draw_devices(world: World, people: People, count: int) -> Devices:
    dice = world.dice("devices")
    owner = np.full(count, NOBODY)
    for held in (people.shared_device, people.second_device, people.main_device):
        persons = np.flatnonzero(held >= 0)
        owner[held[persons]] = persons
    kind = people.kind[owner]
    size = len(people.kind)
    is_main = np.arange(count) < size
    is_shared = np.isin(np.arange(count), people.shared_device)

    main_mobile = dice.random(size) < 0.4
    mobile = np.where(is_main, main_mobile[owner], ~main_mobile[owner]) & ~is_shared
    mobile &= kind == CUSTOMER
    skew, sent = _draw_clocks(world, kind, mobile, dice)
    agent = dice.integers(0, FIRST_PHONE, count)
    agent = np.where(mobile, FIRST_PHONE + dice.integers(0, 2, count), agent)
    agent = np.where(kind == BOT, FIRST_BOT + dice.integers(0, 3, count), agent)
    letters = hexes(dice, count, 16)
    address = dice.integers(0, 256, (count, 2))
    return Devices(
        device_id=pl.select(
            pl.lit("dev_") + fixed_width(letters).alias("letters")
        ).to_series(),
        owner=owner,
        is_mobile=mobile,
        is_shared=is_shared,
        skew=skew,
        has_sent_time=sent,
        is_recoverable=(kind != WRONG_CLOCK) & (kind != FUTURE_CLOCK),
        keeps_session_id=~mobile
        & (dice.random(count) < world.troubles.kept_session_ids),
        has_consent=people.has_consent[owner],
        micro=np.where(mobile, dice.integers(0, 1_000, count), 0),
        agent=agent,
        # Addresses reserved for documentation and tests: they lead to nobody.
        address=pl.Series([f"198.{18 + a % 2}.{a}.{b}" for a, b in address.tolist()]),
        home=people.home[owner],
        release=dice.integers(0, 4, count),
    )


def _draw_clocks(
    world: World, kind: np.ndarray, mobile: np.ndarray, dice: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return how wrong each clock is and whether the device says when it sent."""
    count = len(kind)
    latency = -dice.integers(20, 200, count) * MILLISECOND
    off = dice.integers(HOUR, 3 * DAY, count) // MILLISECOND * MILLISECOND
    off *= np.where(dice.random(count) < 0.5, -1, 1)
    skewed = dice.random(count) < world.troubles.skewed_clocks
    sent = mobile | skewed | (dice.random(count) < 0.9)

    hopeless = np.isin(kind, (WRONG_CLOCK, FUTURE_CLOCK))
    # Up to 20 hours ahead: more than five minutes, less than the day after which a
    # row is impossible. Wrong clocks run hours behind.
    ahead = dice.integers(10 * 60_000, 20 * 3_600_000, count) * MILLISECOND
    behind = -dice.integers(3_600_000, 20 * 3_600_000, count) * MILLISECOND
    skew = np.where(skewed, off, np.where(sent, latency, 0))
    skew = np.where(kind == FUTURE_CLOCK, ahead, skew)
    skew = np.where(kind == WRONG_CLOCK, behind, skew)
    return skew, sent & ~hopeless
