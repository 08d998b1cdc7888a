"""Scenes of a visit: drifting about, logging in, booking, buying, chatting, failing."""

import numpy as np

from orchestration.simulation.catalogue import (
    DRIFT,
    ERRORS,
    FIXED_PAGES,
    PAGE,
    SEARCH_TERMS,
    USED_ONE_IN,
)
from orchestration.simulation.experiments import EXPERIMENTS
from orchestration.simulation.moments import Layout, Moments
from orchestration.simulation.people import BOT, CUSTOMER, KIOSK, NOBODY
from orchestration.simulation.setting import Setting
from orchestration.simulation.visits import (
    ANONYMOUS,
    LOGGED_IN,
    LOGS_IN,
    REGISTERS,
    SWITCHES,
    Visits,
)
from orchestration.simulation.world import CODE, MINUTE, PURCHASE, chosen

LOGIN_KEY = 0.20
REGISTER_KEY = 0.32
LOGOUT_KEY = 0.45
SWITCH_KEY = 0.50
# What people do anyway, and how often.
IDLE = {
    "page_view": 36,
    "click": 22,
    "scroll": 16,
    "search_performed": 5,
    "interaction": 7,
    "heatmap_pointer": 5,
    "web_vital": 3,
    "heartbeat": 6,
    "error_occurred": 0.5,
}
IDLE_NAMES = np.array([CODE[name] for name in IDLE])
IDLE_WEIGHTS = np.array(list(IDLE.values()), dtype=float)
FORM_FIELDS = ("name", "email", "message", "phone")
KIOSK_STEP = 20 * MINUTE
KIOSK_EVENTS = 150


def lay_out_idling(
    setting: Setting, visits: Visits, layout: Layout, dice: np.random.Generator
) -> None:
    """Let every visit start with a page view and drift on."""
    entry = np.where(
        visits.depth > 0,
        PAGE["/occasions"],
        chosen(dice, DRIFT, len(visits)),
    )
    everyone = np.arange(len(visits))
    layout.add(everyone, 0.0, "page_view", page=entry)

    visit = np.repeat(everyone, visits.size - 1)
    count = len(visit)
    name = IDLE_NAMES[chosen(dice, IDLE_WEIGHTS, count)]
    is_bot = (setting.people.kind[visits.person] == BOT)[visit]
    name = np.where(is_bot, CODE["page_view"], name)
    page = chosen(dice, DRIFT, count)
    offers = len(setting.catalogue.paths) - len(FIXED_PAGES)
    listing_count = len(setting.catalogue.listing_provider)
    # A longer world knows more occasions: drift only to listings, which all know.
    elsewhere = (dice.random(count) < 0.3) & (offers > 0) & (listing_count > 0)
    listing = dice.integers(0, max(listing_count, 1), count)
    page = np.where(elsewhere, len(FIXED_PAGES) + listing, page)
    value = np.where(
        name == CODE["error_occurred"],
        dice.integers(0, len(ERRORS), count),
        dice.integers(0, 1_000, count),
    )
    is_use = (name == CODE["interaction"]) & (value % USED_ONE_IN == 0)
    name = np.where(is_use, CODE["resource_used"], name)
    layout.add(
        visit,
        dice.random(count),
        name,
        page=np.where(name == CODE["page_view"], page, NOBODY),
        target=np.where(name == CODE["interaction"], listing, NOBODY),
        value=value,
    )


def lay_out_identity(visits: Visits, layout: Layout, dice: np.random.Generator) -> None:
    """Log in, fail to log in, register, or hand the device over."""
    mode = visits.mode
    logins = np.flatnonzero(mode == LOGS_IN)
    layout.add(logins, LOGIN_KEY - 0.002, "page_view", page=PAGE["/login"])
    layout.add(logins, LOGIN_KEY, "login_attempt", value=1)
    fails = logins[dice.random(len(logins)) < 0.15]
    layout.add(fails, LOGIN_KEY - 0.001, "login_attempt", value=0)

    newcomers = np.flatnonzero(mode == REGISTERS)
    step = REGISTER_KEY - 0.01
    layout.add(newcomers, step, "page_view", page=PAGE["/register"])
    layout.add(newcomers, step + 0.001, "form_started", target=0)
    for number in range(2):
        layout.add(
            newcomers,
            step + 0.002 + number / 1_000,
            "form_field_changed",
            target=0,
            value=number,
        )
    layout.add(newcomers, step + 0.006, "form_submitted", target=0)
    layout.add(newcomers, REGISTER_KEY, "user_registered")
    layout.add(newcomers, REGISTER_KEY + 0.001, "conversion", target=0)
    layout.add(newcomers, REGISTER_KEY + 0.002, "consent_changed")

    switches = np.flatnonzero(mode == SWITCHES)
    layout.add(switches, LOGOUT_KEY, "page_view", page=PAGE["/"])
    layout.add(switches, SWITCH_KEY, "login_attempt", value=1)


def lay_out_bookings(visits: Visits, layout: Layout, dice: np.random.Generator) -> None:
    """Search, look at a listing and try to book it."""
    books = np.flatnonzero(visits.books)
    listing = visits.target[books]
    page = len(FIXED_PAGES) + listing
    term = dice.integers(0, len(SEARCH_TERMS), len(books))
    layout.add(books, 0.53, "search_performed", value=term)
    layout.add(books, 0.54, "page_view", page=page)
    layout.add(books, 0.541, "interaction", target=listing, value=0)
    layout.add(books, 0.55, "click")
    layout.add(books, 0.62, "booking_attempt", target=listing)


def lay_out_occasions(
    setting: Setting, visits: Visits, layout: Layout, dice: np.random.Generator
) -> None:
    """Look at occasions, like or share them, put tickets in the cart, buy them."""
    first = setting.catalogue.first_occasion_page
    for depth in (2, 3, 4):
        deep = np.flatnonzero(visits.depth >= depth)
        occasion = visits.target[deep]
        if depth == 2:
            layout.add(deep, 0.54, "page_view", page=first + occasion)
            layout.add(deep, 0.541, "interaction", target=-2 - occasion, value=0)
            kind = 1 + dice.integers(0, 8, len(deep))
            liking = kind <= 3
            layout.add(
                deep[liking],
                0.545,
                "interaction",
                target=-2 - occasion[liking],
                value=kind[liking],
            )
        elif depth == 3:
            layout.add(deep, 0.60, "custom.add_to_cart", target=occasion)
        else:
            layout.add(deep, 0.64, "page_view", page=PAGE["/checkout"])
            layout.add(deep, 0.66, "conversion", target=PURCHASE)


def lay_out_extras(visits: Visits, layout: Layout, dice: np.random.Generator) -> None:
    """Chat, fill in the contact form, sign up for the newsletter."""
    lively = visits.size > 1
    draw = dice.random(len(visits))
    chats = np.flatnonzero(lively & (draw < 0.05))
    layout.add(chats, 0.70, "chat_started")
    said = np.repeat(chats, dice.integers(1, 6, len(chats)))
    layout.add(
        said,
        0.71 + dice.random(len(said)) / 100,
        "chat_message_sent",
        value=dice.integers(1, 400, len(said)),
    )
    forms = np.flatnonzero(lively & (draw > 0.94))
    layout.add(forms, 0.80, "form_started", target=1)
    touched = np.repeat(forms, dice.integers(1, 5, len(forms)))
    layout.add(
        touched,
        0.81 + dice.random(len(touched)) / 1_000,
        "form_field_changed",
        target=1,
        value=dice.integers(0, len(FORM_FIELDS), len(touched)),
    )
    done = forms[dice.random(len(forms)) < 0.6]
    layout.add(done, 0.82, "form_submitted", target=1)
    letters = np.flatnonzero(lively & (draw > 0.92) & (draw < 0.93))
    layout.add(letters, 0.85, "conversion", target=2)


def lay_out_experiments(
    setting: Setting, day: int, visits: Visits, layout: Layout
) -> None:
    """Log exposures before anything can be decided, and what the flag said."""
    person = visits.person
    customer = (setting.people.kind[person] == CUSTOMER) & (visits.size > 1)
    assignments = setting.assignments
    for number, experiment in enumerate(EXPERIMENTS):
        if day < experiment.first_day:
            continue
        exposed = customer & (assignments.arm[number][person] >= 0)
        exposed &= np.isin(visits.site, experiment.sites)
        if experiment.goal == "registration":
            exposed &= np.isin(visits.mode, (ANONYMOUS, REGISTERS))
        index = np.flatnonzero(exposed)
        arm = assignments.arm[number][person[index]]
        crossing = assignments.crosses[number][person[index]]
        arm = (arm + (crossing & (visits.number[index] % 2 == 1))) % len(
            experiment.arms
        )
        layout.add(
            index,
            0.01 + number / 1_000,
            "experiment_exposure",
            target=number,
            value=arm,
        )
    flagged = np.flatnonzero(customer & (visits.mode == LOGGED_IN))
    flagged = flagged[visits.number[flagged] % 4 == 0]
    layout.add(
        flagged,
        0.02,
        "flag_evaluated",
        value=assignments.flag[person[flagged]].astype(np.int64),
    )


def tell_users(setting: Setting, visits: Visits, moments: Moments) -> None:
    """Set who is logged in at every moment."""
    mode = visits.mode[moments.visit]
    person = visits.person[moments.visit]
    partner = setting.people.partner[person]
    known = mode == LOGGED_IN
    known |= (mode == LOGS_IN) & (moments.key >= LOGIN_KEY)
    known |= (mode == REGISTERS) & (moments.key >= REGISTER_KEY)
    known |= (mode == SWITCHES) & (moments.key < LOGOUT_KEY)
    after = (mode == SWITCHES) & (moments.key >= SWITCH_KEY)
    moments.user = np.where(known, person, np.where(after, partner, NOBODY))


def kiosk_visits(setting: Setting, day: int, number: int) -> Visits:
    """Return the visits of kiosks: every fourth day, 50 hours without a pause."""
    kiosks = setting.people.of_kind(KIOSK)
    person = kiosks if day % 4 == 0 else kiosks[:0]
    count = len(person)
    nothing = np.zeros(count, dtype=np.int64)
    return Visits(
        number=number + np.arange(count),
        person=person,
        device=setting.people.main_device[person],
        site=nothing.copy(),
        start=setting.world.start_of(day) + np.arange(count) * MINUTE,
        mode=nothing.copy(),
        arrival=np.full(count, 6),
        size=np.full(count, KIOSK_EVENTS),
        depth=nothing.copy(),
        books=nothing.astype(bool),
        target=np.full(count, NOBODY),
        delay=nothing.copy(),
    )
