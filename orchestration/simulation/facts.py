"""Facts: one row per event of the plan, with what the warehouse must make of it.

The truth is made of these. They come from the plan, so who, when and which session are
known, not worked out from times.
"""

import numpy as np
import polars as pl

from orchestration.simulation.days import Day
from orchestration.simulation.people import BOT, NOBODY
from orchestration.simulation.setting import Setting
from orchestration.simulation.world import (
    CODE,
    DAY,
    EVENT_NAMES,
    IS_INTERACTIVE,
    MINUTE,
    PURCHASE,
    SENT_BY_SERVER,
)

WEB, MOBILE, SERVER, LEGACY, ACCESS_LOG = range(5)
SOURCES = ("web", "mobile", "server", "legacy", "access_log")
CLOCK_TOLERANCE = 5 * MINUTE
# What steps of funnels ask for; an event that is none of it has the hit NOBODY.
HITS = (
    "page_view",
    "user_registered",
    "booking_attempt",
    "booking_completed",
    "custom.add_to_cart",
    "occasion_view",
    "purchase",
)
# What a journey is told in: these events by name, views by their page.
TOLD = (
    "search_performed",
    "form_submitted",
    "chat_started",
    "booking_attempt",
    "booking_completed",
    "conversion",
)
# Numbers of nodes: events by their code, the two ends, then pages by their number.
NODES = (*EVENT_NAMES, "start", "end")
SCHEMA = {
    "session": pl.Int64,
    "device": pl.Int64,
    "person": pl.Int64,
    "name": pl.Int64,
    "seen_at": pl.Int64,
    "at": pl.Int64,
    "page": pl.Int64,
    "hit": pl.Int64,
    "source": pl.Int64,
    "is_interactive": pl.Boolean,
    "is_double": pl.Boolean,
    "is_bot": pl.Boolean,
    "is_test": pl.Boolean,
    "has_consent": pl.Boolean,
    "is_recoverable": pl.Boolean,
}


def session_number(visit_number: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return the number of a session; a visit has at most eight."""
    return visit_number * 8 + part


def seen_at(setting: Setting, day: Day) -> np.ndarray:
    """Return when SEMANTICS 2.1 must say that each moment happened.

    Only for devices whose clocks nothing corrects does it differ from the truth.
    """
    devices, device = setting.devices, day.device
    shown = day.moments.at + devices.skew[device]
    corrects = devices.has_sent_time[device] | SENT_BY_SERVER[day.moments.name]
    is_ahead = shown > day.received_at + CLOCK_TOLERANCE
    uncorrected = np.where(is_ahead, day.received_at, shown)
    return np.where(corrects, day.moments.at, uncorrected)


def facts_of(setting: Setting, day: Day) -> pl.DataFrame:
    """Return the landed events of a planned day."""
    moments, device = day.moments, day.device
    people, devices = setting.people, setting.devices
    visitor = day.visits.person[moments.visit]
    is_mobile = devices.is_mobile[device]
    source = np.where(SENT_BY_SERVER[moments.name], SERVER, np.where(is_mobile, 1, 0))
    facts = pl.DataFrame(
        {
            "session": session_number(day.visits.number[moments.visit], day.part),
            "device": device,
            "person": np.where(
                day.person == NOBODY, len(people.kind) + device, day.person
            ),
            "name": moments.name,
            "seen_at": seen_at(setting, day),
            "at": moments.at,
            "page": moments.page,
            "hit": hits_of(
                moments.name,
                is_occasion_view=(moments.target < NOBODY) & (moments.value == 0),
                is_purchase=moments.target == PURCHASE,
            ),
            "source": source,
            "is_interactive": IS_INTERACTIVE[moments.name],
            "is_double": moments.is_double,
            "is_bot": people.kind[visitor] == BOT,
            "is_test": people.is_test[visitor],
            "has_consent": devices.has_consent[device],
            "is_recoverable": devices.is_recoverable[device],
        },
        schema=SCHEMA,
    )
    return facts.filter(pl.Series(day.has_landed))


def hits_of(
    name: np.ndarray, *, is_occasion_view: np.ndarray, is_purchase: np.ndarray
) -> np.ndarray:
    """Return which hit each event is, given what it is if it may be one of two."""
    hit = np.full(len(name), NOBODY)
    for number, event in enumerate(HITS):
        if event in CODE:
            hit[name == CODE[event]] = number
    views = (name == CODE["interaction"]) & is_occasion_view
    hit[views] = HITS.index("occasion_view")
    hit[(name == CODE["conversion"]) & is_purchase] = HITS.index("purchase")
    return hit


def counted(*names: str) -> pl.Expr:
    """Count the interactive events of some names."""
    codes = [CODE[name] for name in names]
    return pl.col("name").is_in(codes).sum().cast(pl.Int64)


def views() -> pl.Expr:
    """Count page views, a page firing twice within a second as one."""
    is_view = pl.col("name") == CODE["page_view"]
    return (is_view & ~pl.col("is_double")).sum().cast(pl.Int64)


def sessions_of(facts: pl.DataFrame) -> pl.DataFrame:
    """Return one row per planned session with its counts."""
    interactive = pl.col("is_interactive")
    is_view = pl.col("name") == CODE["page_view"]
    return (
        facts.group_by("session", maintain_order=True)
        .agg(
            pl.col("device", "person").first(),
            pl.col("seen_at").filter(interactive).min().alias("started_at"),
            pl.col("seen_at").filter(interactive).max().alias("ended_at"),
            pl.col("at").filter(interactive).min().alias("really_started_at"),
            interactive.sum().cast(pl.Int64).alias("interactive_event_count"),
            (~interactive).sum().cast(pl.Int64).alias("other_event_count"),
            views().alias("view_count"),
            is_view.sum().cast(pl.Int64).alias("raw_view_count"),
            counted("conversion").alias("conversion_count"),
            counted("error_occurred").alias("error_count"),
            counted("chat_started").alias("chat_started_count"),
            pl.col("page").filter(is_view).first().alias("entry_page"),
            pl.col("page").filter(is_view).last().alias("exit_page"),
            pl.col("source").filter(interactive).first(),
            pl.col("is_bot", "is_test", "has_consent", "is_recoverable").first(),
        )
        .filter(pl.col("interactive_event_count") > 0)
    )


def person_days_of(facts: pl.DataFrame) -> pl.DataFrame:
    """Return counts per person and day of what was seen, interactive events only."""
    active = facts.lazy().filter(pl.col("is_interactive"))
    return (
        active.with_columns((pl.col("seen_at") // DAY).alias("day"))
        .group_by("person", "day", "is_bot", "is_test", "has_consent", "is_recoverable")
        .agg(
            pl.len().cast(pl.Int64).alias("interactive_event_count"),
            views().alias("view_count"),
            counted("page_view").alias("raw_view_count"),
            counted("click").alias("click_count"),
            counted("search_performed").alias("search_count"),
            counted("interaction").alias("interaction_count"),
            counted("conversion").alias("conversion_count"),
            counted("booking_attempt").alias("booking_attempt_count"),
            counted("chat_started").alias("chat_started_count"),
            counted("chat_message_sent").alias("chat_message_count"),
            counted("error_occurred").alias("error_count"),
            counted("http_request").alias("request_count"),
        )
        .collect()
    )


def device_firsts_of(facts: pl.DataFrame, *, person_count: int) -> pl.DataFrame:
    """Return who was known first on every device, and when."""
    return (
        facts.lazy()
        .filter(is_counted() & (pl.col("person") < person_count))
        .group_by("device")
        .agg(
            pl.col("person").sort_by("seen_at").first(),
            pl.col("seen_at").min(),
        )
        .collect()
    )


def page_days_of(facts: pl.DataFrame) -> pl.DataFrame:
    """Return views per page and day, as the overview must show them."""
    return (
        facts.lazy()
        .filter((pl.col("name") == CODE["page_view"]) & ~pl.col("is_double"))
        .filter(is_counted())
        .group_by((pl.col("seen_at") // DAY).alias("day"), "page")
        .agg(pl.len().cast(pl.Int64).alias("view_count"))
        .collect()
    )


def transitions_of(facts: pl.DataFrame) -> pl.DataFrame:
    """Return how often sessions went from one node to the next, by day of start."""
    counted = facts.lazy().filter(is_counted() & pl.col("is_interactive"))
    is_view = pl.col("name") == CODE["page_view"]
    node = pl.when(is_view).then(pl.col("page") + len(NODES)).otherwise("name")
    is_told = is_view | pl.col("name").is_in([CODE[name] for name in TOLD])
    nodes = counted.filter(is_told & ~pl.col("is_double")).select("session", node=node)
    # A node again, right after itself, is one.
    is_next = pl.col("node").ne_missing(pl.col("node").shift().over("session"))
    walked = nodes.filter(is_next).group_by("session", maintain_order=True).agg("node")
    start, end = pl.lit(NODES.index("start")), pl.lit(NODES.index("end"))
    path = pl.col("node").fill_null([])
    return (
        counted.group_by("session")
        .agg(
            (pl.col("seen_at").min() // DAY).alias("day"),
            pl.col("is_recoverable").first(),
        )
        .join(walked, on="session", how="left")
        .with_columns(
            pl.concat_list(start, path).alias("source_node"),
            pl.concat_list(path, end).alias("target_node"),
        )
        .explode("source_node", "target_node")
        .group_by("day", "is_recoverable", "source_node", "target_node")
        .agg(
            pl.len().cast(pl.Int64).alias("occurrence_count"),
            pl.col("session").n_unique().cast(pl.Int64).alias("session_count"),
        )
        .collect()
    )


def funnel_hits_of(facts: pl.DataFrame) -> pl.DataFrame:
    """Return the events that a step of a funnel may ask for."""
    return facts.filter(is_counted(), pl.col("hit") != NOBODY).select(
        "person", "seen_at", "hit", "source", "is_recoverable"
    )


def is_counted() -> pl.Expr:
    """Tell rows that marts show: with consent, no robots, no tests."""
    return pl.col("has_consent") & ~pl.col("is_bot") & ~pl.col("is_test")
