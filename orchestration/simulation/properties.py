"""Properties of events as JSON texts, one builder per event name."""

from collections.abc import Callable

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import (
    CITIES,
    CURRENCIES,
    ERRORS,
    EXPONENTS,
    SEARCH_TERMS,
    SERVICES,
    SLOT_MINUTES,
    used_resources,
)
from orchestration.simulation.days import Day
from orchestration.simulation.experiments import EXPERIMENTS, FLAG_ID
from orchestration.simulation.people import NOBODY, PROVIDER
from orchestration.simulation.scenes import FORM_FIELDS
from orchestration.simulation.setting import Setting
from orchestration.simulation.tables import Growing
from orchestration.simulation.texts import (
    decimals,
    joined,
    member,
    numbered,
    picked,
    repeated,
)
from orchestration.simulation.world import CODE, EVENT_NAMES

ELEMENTS = pl.Series(["#book", ".card", "nav > a", "#menu", ".tab", "button.more"])
INTERACTIONS = pl.Series(["view", "like", "share", "bookmark"])
FORMS = pl.Series(["registration", "contact"])
CONVERSIONS = pl.Series(["registration", "purchase", "newsletter_signup"])
VITALS = pl.Series(["LCP", "INP", "CLS", "FCP", "TTFB"])
EXTRA = ',"experimental_note":"not in any contract"'


class Properties:
    """Builds the properties of a day's moments."""

    def __init__(self, setting: Setting, order_table: Growing) -> None:
        self.setting = setting
        self.orders = order_table

    def texts(self, day: Day) -> pl.Series:
        """Return the JSON object of every moment's properties."""
        names = day.moments.name
        order = np.argsort(names, kind="stable")
        bounds = np.searchsorted(names[order], np.arange(len(EVENT_NAMES) + 1))
        parts = []
        for code, name in enumerate(EVENT_NAMES):
            where = order[bounds[code] : bounds[code + 1]]
            if len(where):
                build = _BUILDERS.get(name, _nothing)
                parts.append(build(self, day, where).rename("properties"))
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return pl.concat(parts).gather(back)

    def price(
        self, currency: np.ndarray, minor: np.ndarray
    ) -> tuple[pl.Series, pl.Series]:
        """Return amounts in major units and their currencies."""
        return decimals(minor, EXPONENTS[currency]), picked(
            pl.Series(CURRENCIES), currency
        )


def _frame(**columns: pl.Series | np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(columns)


def _nothing(_: Properties, __: Day, where: np.ndarray) -> pl.Series:
    return repeated("{}", len(where))


def _numbers(day: Day, where: np.ndarray, modulus: int, plus: int = 0) -> np.ndarray:
    """Return numbers that look drawn but cost nothing."""
    return (day.moments.at[where] // 1_000 * 2_654_435_761 >> 7) % modulus + plus


def _click(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    number = _numbers(day, where, len(ELEMENTS))
    texts = pl.select('{"element_selector":"' + ELEMENTS + '"}').to_series()
    return picked(texts, number)


def _scroll(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    texts = pl.Series([f'{{"scroll_depth":{depth}}}' for depth in range(101)])
    return picked(texts, _numbers(day, where, 101))


def _search(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    texts = pl.Series(
        [
            f'{{"query":"{term}","results_count":{count},"filters":{{"city":"{city}"}}}}'
            for term in SEARCH_TERMS
            for count in (0, 3, 7, 12, 25)
            for city in CITIES
        ]
    )
    return picked(texts, _numbers(day, where, len(texts)))


def _form(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    form = picked(FORMS, day.moments.target[where])
    frame = _frame(
        form=form, name=day.moments.name[where], field=day.moments.value[where]
    )
    field = (
        pl.lit(pl.Series(FORM_FIELDS))
        .implode()
        .list.get(pl.col("field").clip(lower_bound=0))
    )
    is_change = pl.col("name") == CODE["form_field_changed"]
    return frame.select(
        joined(
            '{"form_id":"',
            pl.col("form"),
            '"',
            pl.when(is_change).then(member("field_name", field)),
            "}",
        )
    ).to_series()


def _interaction(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    target = day.moments.target[where]
    kind = picked(INTERACTIONS, day.moments.value[where] % 4)
    listing = np.where(target >= 0, target, 0)
    occasion = np.where(target < NOBODY, -2 - target, 0)
    frame = _frame(
        kind=kind,
        is_listing=target >= 0,
        listing=numbered("lst_", listing, 6),
        occasion=numbered("occ_", occasion, 6),
    )
    about = (
        pl.when("is_listing")
        .then(member("listing_id", pl.col("listing")))
        .otherwise(member("occasion_id", pl.col("occasion")))
    )
    return frame.select(
        joined('{"interaction_type":"', pl.col("kind"), '"', about, "}")
    ).to_series()


def _conversion(properties: Properties, day: Day, where: np.ndarray) -> pl.Series:
    kind = np.clip(day.moments.target[where], 0, 2)
    order = day.order[where]
    table, safe = properties.orders, np.maximum(order, 0)
    if len(table):
        minor = table["quantity"][safe] * table["price"][safe]
        quantity, occasion = table["quantity"][safe], table["occasion"][safe]
    else:
        minor = quantity = occasion = np.zeros(len(where), dtype=np.int64)
    value, _ = properties.price(np.zeros(len(where), dtype=np.int64), minor)
    frame = _frame(
        kind=picked(CONVERSIONS, kind),
        value=value,
        has_order=order >= 0,
        order=numbered("ord_", safe),
        quantity=quantity,
        occasion=numbered("occ_", occasion, 6),
    )
    bought = joined(
        ',"value":',
        pl.col("value"),
        ',"currency":"EUR","order_id":"',
        pl.col("order"),
        '","occasion_id":"',
        pl.col("occasion"),
        '","ticket_count":',
        pl.col("quantity").cast(pl.String),
    )
    return frame.select(
        joined(
            '{"conversion_type":"',
            pl.col("kind"),
            '"',
            pl.when("has_order").then(bought),
            "}",
        )
    ).to_series()


def _cart(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    occasion = numbered("occ_", day.moments.target[where], 6)
    return pl.select('{"occasion_id":"' + occasion + '"}').to_series()


def _resource(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    resource, use = used_resources(day.moments.value[where])
    return pl.select(
        '{"resource_id":"' + resource + '","use":"' + use + '"}'
    ).to_series()


def _attempt(properties: Properties, day: Day, where: np.ndarray) -> pl.Series:
    catalogue = properties.setting.catalogue
    listing, number = day.moments.target[where], day.booking[where]
    provider = catalogue.listing_provider[listing]
    value, currency = properties.price(
        catalogue.provider_currency[provider], catalogue.listing_price[listing]
    )
    service = pl.Series([name for _, name, _ in SERVICES])
    frame = _frame(
        listing=numbered("lst_", listing, 6),
        provider=numbered("prv_", provider, 6),
        service=picked(service, catalogue.listing_service[listing]),
        minutes=SLOT_MINUTES[catalogue.provider_site[provider]],
        value=value,
        currency=currency,
        city=picked(pl.Series(CITIES), catalogue.provider_city[provider]),
        has_booking=number >= 0,
        booking=numbered("bkg_", np.maximum(number, 0)),
    )
    return frame.select(
        joined(
            '{"provider_id":"',
            pl.col("provider"),
            '","listing_id":"',
            pl.col("listing"),
            '","service_type":"',
            pl.col("service"),
            '","duration_minutes":',
            pl.col("minutes").cast(pl.String),
            ',"value":',
            pl.col("value"),
            ',"currency":"',
            pl.col("currency"),
            '","location":"',
            pl.col("city"),
            '"',
            pl.when("has_booking").then(member("booking_id", pl.col("booking"))),
            "}",
        )
    ).to_series()


def _accepted(properties: Properties, day: Day, where: np.ndarray) -> pl.Series:
    person = day.visits.person[day.moments.visit[where]]
    first = properties.setting.people.of_kind(PROVIDER)[0]
    frame = _frame(
        booking=numbered("bkg_", day.booking[where]),
        provider=numbered("prv_", person - first, 6),
    )
    return frame.select(
        joined(
            '{"booking_id":"',
            pl.col("booking"),
            '","provider_id":"',
            pl.col("provider"),
            '"}',
        )
    ).to_series()


def _chat(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    number = day.visits.number[day.moments.visit[where]]
    length = day.moments.value[where]
    frame = _frame(chat=numbered("cht_", number), length=length)
    said = joined(
        ',"message_length":',
        pl.col("length").cast(pl.String),
        ',"has_attachment":false',
    )
    return frame.select(
        joined(
            '{"chat_id":"',
            pl.col("chat"),
            '","participant_type":"customer"',
            pl.when(pl.col("length") >= 0).then(said),
            "}",
        )
    ).to_series()


def _login(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    texts = pl.Series(
        [
            f'{{"outcome":"{word}","method":"password"}}'
            for word in ("failure", "success")
        ]
    )
    return picked(texts, day.moments.value[where])


def _registered(_: Properties, __: Day, where: np.ndarray) -> pl.Series:
    text = '{"user_type":"customer","method":"email_signup"}'
    return repeated(text, len(where))


def _consent(_: Properties, __: Day, where: np.ndarray) -> pl.Series:
    text = '{"purpose":"marketing","state":"granted","policy_version":"2026-01"}'
    return repeated(text, len(where))


def _error(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    texts = pl.Series(
        [f'{{"error_type":"{kind}","message":"{text}"}}' for kind, text in ERRORS]
    )
    return picked(texts, day.moments.value[where])


def _pointer(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    frame = _frame(
        x=_numbers(day, where, 1_280),
        y=_numbers(day, where, 4_000),
        kind=picked(pl.Series(["click", "hover"]), _numbers(day, where, 2)),
    )
    return frame.select(
        joined(
            '{"x_position":',
            pl.col("x").cast(pl.String),
            ',"y_position":',
            pl.col("y").cast(pl.String),
            ',"viewport_width":1280,"viewport_height":720,"',
            pl.col("kind"),
            '_count":1}',
        )
    ).to_series()


def _vital(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    limits = np.array([4_000, 400, 1, 3_000, 1_500])
    which = _numbers(day, where, 5)
    value = _numbers(day, where, 10_000) / 10_000 * limits[which]
    frame = _frame(metric=picked(VITALS, which), value=np.round(value, 3))
    return frame.select(
        joined(
            '{"metric_name":"',
            pl.col("metric"),
            '","metric_value":',
            pl.col("value").cast(pl.String),
            "}",
        )
    ).to_series()


def _exposure(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    texts = pl.Series(
        [
            f'{{"experiment_id":"{experiment.experiment_id}","variant":"{arm}"}}'
            for experiment in EXPERIMENTS
            for arm in experiment.arms
        ]
    )
    first = np.cumsum([0, *(len(experiment.arms) for experiment in EXPERIMENTS)])
    number = first[day.moments.target[where]] + day.moments.value[where]
    return picked(texts, number)


def _flag(_: Properties, day: Day, where: np.ndarray) -> pl.Series:
    texts = pl.Series(
        [
            f'{{"flag_key":"{FLAG_ID}","is_enabled":{word}}}'
            for word in ("false", "true")
        ]
    )
    return picked(texts, day.moments.value[where])


Builder = Callable[[Properties, Day, np.ndarray], pl.Series]
_BUILDERS: dict[str, Builder] = {
    "click": _click,
    "scroll": _scroll,
    "search_performed": _search,
    "form_started": _form,
    "form_field_changed": _form,
    "form_submitted": _form,
    "interaction": _interaction,
    "conversion": _conversion,
    "custom.add_to_cart": _cart,
    "booking_attempt": _attempt,
    "booking_completed": _accepted,
    "chat_started": _chat,
    "chat_message_sent": _chat,
    "login_attempt": _login,
    "user_registered": _registered,
    "consent_changed": _consent,
    "resource_used": _resource,
    "error_occurred": _error,
    "heatmap_pointer": _pointer,
    "web_vital": _vital,
    "experiment_exposure": _exposure,
    "flag_evaluated": _flag,
}
