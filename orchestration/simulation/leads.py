"""Leads: people whom a letter knows by the number of the customer system only.

They follow its link on a device of their own, which the server reports with the number.
Some open an account later, under the same number; some never do; a few letters were
sent with a number that identifies nobody.
"""

import numpy as np
import polars as pl

from orchestration.simulation.app_people import has_account, users
from orchestration.simulation.days import Planner
from orchestration.simulation.facts import SCHEMA, SERVER
from orchestration.simulation.people import CUSTOMER, NEVER, NOBODY
from orchestration.simulation.services import COLUMNS
from orchestration.simulation.setting import Setting
from orchestration.simulation.texts import instants_of, numbered, uuids
from orchestration.simulation.truth import Truth
from orchestration.simulation.world import CODE, HOUR, MINUTE

# Numbers of their sessions, far above those of strangers.
FIRST_SESSION = 1 << 52
NAME = "interaction"
LETTER_DAYS = 15
NOBODYS = pl.Series(["null", "0000-0000", "-1"])


class Leads:
    """Everybody a letter reached, by the day on which they follow its link."""

    def __init__(self, setting: Setting, truth: Truth) -> None:
        self.setting = setting
        world, people = setting.world, setting.people
        dice = world.dice("leads")
        may = (people.kind == CUSTOMER) & people.has_consent & ~people.is_test
        may &= people.partner == NOBODY
        # By the day of registration alone: a longer world begins with the same leads.
        until = np.minimum(people.register_day, LETTER_DAYS)
        drawn = dice.permutation(np.flatnonzero(may & (until > 0)))
        most = max(16, world.persons // 10)
        later = drawn[people.register_day[drawn] != NEVER][:most]
        never = drawn[people.register_day[drawn] == NEVER][:most]
        self.who = np.concatenate([later, never])
        # Strictly before the day of registration, so that nobody is there twice a day.
        self.day_of = (dice.random(len(self.who)) * until[self.who]).astype(np.int64)
        count = len(self.who)
        self.at = dice.integers(8 * HOUR // MINUTE, 20 * HOUR // MINUTE, count) * MINUTE
        self.is_blocked = np.arange(count) % 8 == 7
        self.device_id = numbered("dev_lead_", np.arange(count), 6)
        self.first_device = truth.name_devices(self.device_id)
        numbers = numbered("crm-", self.who, 6)
        nobodys = NOBODYS.gather(np.arange(count) % len(NOBODYS))
        self.external_id = numbers.zip_with(pl.Series(~self.is_blocked), nobodys)

    def facts(self, day: int) -> pl.DataFrame:
        """Return the facts of a day: the link, and a look around without a number."""
        lead = np.repeat(np.flatnonzero(self.day_of == day), 2)
        count = len(lead)
        at = self._instants(lead)
        device = self.first_device + lead
        return pl.DataFrame(
            {
                "session": FIRST_SESSION + lead,
                "device": device,
                "person": len(self.setting.people.kind) + device,
                "name": np.full(count, CODE[NAME]),
                "seen_at": at,
                "at": at,
                "page": np.zeros(count, dtype=np.int64),
                "hit": np.full(count, NOBODY),
                "source": np.full(count, SERVER),
                "is_interactive": np.ones(count, dtype=bool),
                "is_double": np.zeros(count, dtype=bool),
                "is_bot": np.zeros(count, dtype=bool),
                "is_test": np.zeros(count, dtype=bool),
                "has_consent": np.ones(count, dtype=bool),
                "is_recoverable": np.ones(count, dtype=bool),
            },
            schema=SCHEMA,
        )

    def rows(self, day: int) -> pl.DataFrame:
        """Return what the server reports of a day, with its native columns."""
        lead = np.repeat(np.flatnonzero(self.day_of == day), 2)
        count = len(lead)
        dice = self.setting.world.dice("lead events", day)
        happened = pl.Series(self._instants(lead)).cast(pl.Datetime("us", "UTC"))
        is_link = pl.Series(np.arange(count) % 2 == 0)
        known = pl.DataFrame({"number": self.external_id.gather(lead), "link": is_link})
        properties = known.select(
            pl.concat_str(
                pl.lit('{"interaction_type":"view","listing_id":"lst_000000"'),
                pl.when("link")
                .then(pl.concat_str(pl.lit(',"external_id":"'), "number", pl.lit('"')))
                .otherwise(pl.lit("")),
                pl.lit("}"),
            )
        ).to_series()
        granted = pl.Series([["analytics"]], dtype=pl.List(pl.String))
        return pl.DataFrame(
            {
                "event_id": uuids(dice, count),
                "event_name": pl.Series([NAME] * count, dtype=pl.String),
                "occurred_at": happened,
                "received_at": happened,
                "device_id": self.device_id.gather(lead),
                "user_id": pl.Series([None] * count, dtype=pl.String),
                "consent": granted.gather(np.zeros(count, dtype=np.int64)),
                "is_test": pl.Series(np.zeros(count, dtype=bool)),
                "properties": properties,
            }
        ).select(COLUMNS)

    def persons(self, planner: Planner) -> pl.DataFrame:
        """Return who every lead turned out to be, as `person`."""
        registered = np.isin(self.who, has_account(planner)) & ~self.is_blocked
        users = self.setting.people.user_id.gather(self.who)
        return (
            pl.DataFrame(
                {
                    "device_id": self.device_id,
                    "external_id": self.external_id,
                    "is_blocked": self.is_blocked,
                    "happened_at": instants_of(
                        self.setting.world.start_of(0) + self._since_start()
                    ),
                    "user": users,
                    "is_registered": registered,
                }
            )
            .filter(pl.Series(self.day_of < self.setting.world.days))
            .select(
                "device_id",
                "external_id",
                "is_blocked",
                "happened_at",
                pl.when("is_registered")
                .then(pl.lit("user:") + pl.col("user"))
                .when("is_blocked")
                .then(pl.lit("device:") + pl.col("device_id"))
                .otherwise(pl.lit("external:") + pl.col("external_id"))
                .alias("person"),
            )
        )

    def _since_start(self) -> np.ndarray:
        return self.day_of * 24 * HOUR + self.at

    def _instants(self, lead: np.ndarray) -> np.ndarray:
        """Return when the leads of a day act: at the link, and four minutes later."""
        step = np.arange(len(lead)) % 2
        start = self.setting.world.start_of(0)
        return start + self._since_start()[lead] + step * 4 * MINUTE


def identities_of(planner: Planner) -> pl.DataFrame:
    """Return one row per account that is no test: its names, and whose its number is.

    A number that several gave is the first's; zeros are nobody's.
    """
    accounts = users(planner).filter(~pl.col("is_test_account"))
    owners = (
        accounts.filter(
            pl.col("phone").is_not_null() & (pl.col("phone") != "0000000000")
        )
        .sort("created_at", "id")
        .group_by("phone", maintain_order=True)
        .agg(pl.col("id").first().alias("phone_user_id"))
    )
    return accounts.join(owners, on="phone", how="left").select(
        pl.col("id").alias("user_id"),
        "email",
        "phone",
        "phone_user_id",
        pl.col("external_ref").alias("external_id"),
        pl.col("created_at").alias("registered_at"),
    )
