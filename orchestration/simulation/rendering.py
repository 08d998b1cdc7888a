"""Events as text: the lines that browsers and phones send."""

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
    numbered,
    picked,
    uuids,
)
from orchestration.simulation.world import CODE, EVENT_NAMES, SECOND, SITES

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

    def once(self, day: Day) -> pl.DataFrame:
        """Return what is the same in every copy of an event, per moment."""
        moments, visits = day.moments, day.visits
        visit, device = moments.visit, day.device
        dice = self.setting.world.dice("event ids", day.number)
        properties = self.properties.texts(day)
        share = self.setting.world.troubles.extra_properties
        extra = dice.random(len(moments)) < share
        # The first view of a visit carries the campaign, and so does its double.
        is_entry = np.diff(visit, prepend=-1) != 0
        is_entry[1:] |= moments.is_double[1:] & is_entry[:-1]
        arrival = np.where(is_entry, visits.arrival[visit], -1)
        session = np.where(
            self.setting.devices.keeps_session_id[device], -1 - device, visits.number[visit]
        )
        frame = pl.DataFrame(
            {
                "event_id": uuids(dice, len(moments)),
                "event_name": picked(NAMES, moments.name),
                "device": picked(self.device_ids, device),
                "user_id": picked(self.setting.people.user_id, moments.user),
                "kept": session < 0,
                "session": numbered("", np.where(session < 0, -1 - session, session), 1),
                "host": picked(HOSTS, visits.site[visit]),
                "path": picked(self.setting.catalogue.paths, moments.page),
                "query": picked(self.queries, arrival),
                "referrer": picked(self.referrers, arrival),
                "is_view": moments.name == CODE["page_view"],
                "tail": picked(self.device_tails, device),
                "properties": properties,
                "has_extra": extra,
            }
        )
        return frame.with_columns(_fixed_part(), _with_extra())

    def times(self, day: Day, copies: Deliveries, *, mobile: bool) -> dict[str, pl.Series]:
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
        self, day: Day, once: pl.DataFrame, copies: Deliveries, *, mobile: bool
    ) -> pl.Series:
        """Return one JSON text per copy, without a line end."""
        rows = once.select("fixed", "properties", "is_view")[copies.moment]
        number = day.moments.at[copies.moment] // 1_000 % 1_000_000_000
        rows = rows.with_columns(
            **self.times(day, copies, mobile=mobile),
            disputed=pl.Series(copies.is_conflict),
            sequence=pl.Series(number),
        )
        disputed = pl.when("disputed").then(pl.lit(',"page_title":"Another title"'))
        sequence = member("sequence", pl.col("sequence").cast(pl.String), quoted=False)
        return rows.select(
            joined(
                '{"occurred_at":"', pl.col("occurred_at"), '"',
                member("sent_at", pl.col("sent_at")),
                ',"received_at":"', pl.col("received_at"), '"',
                *((sequence,) if mobile else ()),
                pl.col("fixed"),
                disputed,
                ',"properties":', pl.col("properties"), "}",
            )
        ).to_series()


def _fixed_part() -> pl.Expr:
    prefix = pl.when("kept").then(pl.lit("kept_")).otherwise(pl.lit("cs_"))
    return joined(
        ',"event_id":"', pl.col("event_id"),
        '","event_name":"', pl.col("event_name"), '"',
        pl.col("device"),
        member("user_id", pl.col("user_id")),
        ',"client_session_id":"', prefix, pl.col("session"),
        '","page_url":"', pl.col("host"), pl.col("path"), pl.col("query"), '"',
        member("referrer", pl.col("referrer")),
        pl.col("tail"),
    ).alias("fixed")


def _with_extra() -> pl.Expr:
    text = pl.col("properties")
    is_empty = text == "{}"
    # Only objects that have a member already can take one more after a comma.
    longer = pl.concat_str(text.str.strip_suffix("}"), pl.lit(EXTRA + "}"))
    return pl.when(pl.col("has_extra") & ~is_empty).then(longer).otherwise(text).alias(
        "properties"
    )


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
            ',"user_agent":"', pl.col("agent"), '","ip":"', pl.col("ip"),
            '","locale":"', pl.col("locale"), '","region":"', pl.col("region"),
            '","platform":"', pl.col("platform"), '"',
            pl.when("is_mobile").then(member("app_version", pl.col("release"))),
            ',"consent":', pl.col("consent"),
            pl.when("is_test").then(pl.lit(',"is_test":true')),
        )
    ).to_series()
