"""Events as text: the lines that browsers and phones send."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import ARRIVALS, CAMPAIGNS
from orchestration.simulation.days import Day
from orchestration.simulation.deliveries import Deliveries
from orchestration.simulation.people import (
    AGENTS,
    FIRST_PHONE,
    LOCALES,
    REGIONS,
    SUMMER_HOURS,
    WINTER_HOURS,
)
from orchestration.simulation.properties import EXTRA, Properties
from orchestration.simulation.setting import Setting
from orchestration.simulation.texts import (
    fine_instants,
    instants,
    joined,
    local_instants,
    member,
    picked,
    uuids,
)
from orchestration.simulation.world import EVENT_NAMES, SECOND, SITES

# Europe left summer time at 01:00 UTC on 25 October 2026.
CLOCKS_CHANGE = 1_792_890_000 * SECOND
NAMES = pl.Series(EVENT_NAMES)
HOSTS = pl.Series([f"https://{site}.market.example" for site in SITES])
RELEASES = ("3.11.0", "3.11.2", "3.12.0", "4.0.0")
CAMPAIGN_REFERRERS = {
    "google": "https://www.google.com/",
    "bing": "https://www.bing.com/",
    "facebook": "https://www.facebook.com/",
    "adnet": "https://ads.example/",
}


@dataclass(frozen=True)
class Once:
    """What all copies of an event share; one element per moment."""

    event_id: pl.Series
    properties: pl.Series
    arrival: np.ndarray


class Renderer:
    """Renders the deliveries of a day; knows what never changes about a device."""

    def __init__(self, setting: Setting, properties: Properties) -> None:
        self.setting = setting
        self.properties = properties
        self.device_tails = _device_tails(setting)
        self.device_ids = _device_ids(setting)
        campaigns = [
            f"?utm_source={source}&utm_medium={medium}&utm_campaign={code}"
            for code, _, source, medium, *_ in CAMPAIGNS
        ]
        self.queries = pl.Series([*campaigns, *([""] * len(ARRIVALS))])
        referrers = [CAMPAIGN_REFERRERS.get(campaign[2]) for campaign in CAMPAIGNS]
        self.referrers = pl.Series([*referrers, *(arrival[1] for arrival in ARRIVALS)])

    def once(self, day: Day) -> Once:
        """Return what every copy of an event shares."""
        dice = self.setting.world.dice("event ids", day.number)
        count = len(day.moments)
        ids = uuids(dice, count)
        extra = dice.random(count) < self.setting.world.troubles.extra_properties
        # The first view of a visit carries the campaign, and so does its double.
        is_entry = np.diff(day.moments.visit, prepend=-1) != 0
        is_entry[1:] |= day.moments.is_double[1:] & is_entry[:-1]
        return Once(
            event_id=ids,
            properties=_with_extra(self.properties.texts(day), extra),
            arrival=np.where(is_entry, day.visits.arrival[day.moments.visit], -1),
        )

    def times(
        self, day: Day, copies: Deliveries, *, mobile: bool
    ) -> dict[str, pl.Series]:
        """Return the three clocks of each copy as its sender writes them."""
        devices = self.setting.devices
        device = day.device[copies.moment]
        skew = devices.skew[device]
        shown = day.moments.at[copies.moment] + skew
        sent = copies.received_at + skew
        if mobile:
            home = devices.home[device]
            summer = shown < CLOCKS_CHANGE
            hours = np.where(summer, SUMMER_HOURS[home], WINTER_HOURS[home])
            return {
                "occurred_at": local_instants(shown, hours),
                "sent_at": fine_instants(sent),
                "received_at": fine_instants(copies.received_at),
            }
        sent_at = instants(sent)
        has_sent = pl.Series(devices.has_sent_time[device])
        return {
            "occurred_at": instants(shown),
            "sent_at": pl.select(pl.when(has_sent).then(sent_at)).to_series(),
            "received_at": instants(copies.received_at),
        }

    def lines(
        self, day: Day, once: Once, copies: Deliveries, *, mobile: bool
    ) -> pl.Series:
        """Return one JSON text per copy, with the line end or comma it needs."""
        moments, visits, moment = day.moments, day.visits, copies.moment
        visit, device = moments.visit[moment], day.device[moment]
        kept = self.setting.devices.keeps_session_id[device]
        arrival = once.arrival[moment]
        number = moments.at[moment] // 1_000 % 1_000_000_000
        frame = pl.DataFrame(
            {
                **self.times(day, copies, mobile=mobile),
                "sequence": number,
                "event_id": once.event_id.gather(moment),
                "name": picked(NAMES, moments.name[moment]),
                "device": self.device_ids.gather(device),
                "user_id": picked(self.setting.people.user_id, moments.user[moment]),
                "session": np.where(kept, device, visits.number[visit]),
                "kept": kept,
                "host": picked(HOSTS, visits.site[visit]),
                "path": self.setting.catalogue.paths.gather(moments.page[moment]),
                "query": picked(self.queries, arrival),
                "referrer": picked(self.referrers, arrival),
                "tail": self.device_tails.gather(device),
                "disputed": copies.is_conflict,
                "properties": once.properties.gather(moment),
            }
        )
        return frame.select(_MOBILE_LINE if mobile else _WEB_LINE).to_series()


def _line(*, mobile: bool) -> pl.Expr:
    sequence = member("sequence", pl.col("sequence").cast(pl.String), quoted=False)
    prefix = pl.when("kept").then(pl.lit("kept_")).otherwise(pl.lit("cs_"))
    return joined(
        ',{"occurred_at":"' if mobile else '{"occurred_at":"',
        pl.col("occurred_at"),
        '"',
        member("sent_at", pl.col("sent_at")),
        ',"received_at":"',
        pl.col("received_at"),
        '"',
        *((sequence,) if mobile else ()),
        ',"event_id":"',
        pl.col("event_id"),
        '","event_name":"',
        pl.col("name"),
        '"',
        pl.col("device"),
        member("user_id", pl.col("user_id")),
        ',"client_session_id":"',
        prefix,
        pl.col("session").cast(pl.String),
        '","page_url":"',
        pl.col("host"),
        pl.col("path"),
        pl.col("query"),
        '"',
        member("referrer", pl.col("referrer")),
        pl.col("tail"),
        pl.when("disputed").then(pl.lit(',"page_title":"Another title"')),
        ',"properties":',
        pl.col("properties"),
        "}" if mobile else "}\n",
    )


_WEB_LINE, _MOBILE_LINE = _line(mobile=False), _line(mobile=True)


def _with_extra(properties: pl.Series, has_extra: np.ndarray) -> pl.Series:
    where = np.flatnonzero(has_extra)
    texts = properties.gather(where)
    # Only an object that has a member can take one more after a comma.
    longer = pl.concat_str(texts.str.strip_suffix("}"), pl.lit(EXTRA + "}"))
    changed = pl.select(
        pl.when(texts != "{}").then(longer).otherwise(texts)
    ).to_series()
    return properties.scatter(where, changed)


def _device_ids(setting: Setting) -> pl.Series:
    ids = setting.devices.device_id
    return pl.select(',"device_id":"' + ids + '"').to_series()


def _device_tails(setting: Setting) -> pl.Series:
    devices, people = setting.devices, setting.people
    platforms = pl.Series(["web", "ios", "android"])
    phone = devices.agent - FIRST_PHONE
    platform = np.where(devices.is_mobile, 1 + np.clip(phone, 0, 1), 0)
    consents = pl.Series(['["analytics","marketing"]', '["analytics"]', "[]"])
    grants = np.where(devices.has_consent, devices.release % 2, 2)
    frame = pl.DataFrame(
        {
            "agent": picked(pl.Series(AGENTS), devices.agent),
            "ip": devices.address,
            "locale": picked(pl.Series(LOCALES), devices.home),
            "region": picked(pl.Series(REGIONS), devices.home),
            "platform": picked(platforms, platform),
            "release": picked(pl.Series(RELEASES), devices.release),
            "is_mobile": devices.is_mobile,
            "consent": picked(consents, grants),
            "is_test": people.is_test[devices.owner],
        }
    )
    return frame.select(
        joined(
            ',"user_agent":"',
            pl.col("agent"),
            '","ip":"',
            pl.col("ip"),
            '","locale":"',
            pl.col("locale"),
            '","region":"',
            pl.col("region"),
            '","platform":"',
            pl.col("platform"),
            '"',
            pl.when("is_mobile").then(member("app_version", pl.col("release"))),
            ',"consent":',
            pl.col("consent"),
            pl.when("is_test").then(pl.lit(',"is_test":true')),
        )
    ).to_series()
