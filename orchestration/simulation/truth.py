"""Truth: what a warehouse that read every landed file must find, written beside them.

Collected day by day from the plan. Nothing here is worked out from times: which events
form a session and who was behind a device was decided before they were written.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import polars as pl

from orchestration.simulation.facts import (
    HITS,
    NODES,
    SOURCES,
    device_firsts_of,
    funnel_hits_of,
    is_counted,
    page_days_of,
    person_days_of,
    sessions_of,
    transitions_of,
)
from orchestration.simulation.setting import Setting
from orchestration.simulation.world import DAY

EPOCH = date(1970, 1, 1)


class Truth:
    """Collects what is true while days are planned, and writes it at the end.

    Parameters
    ----------
    setting : Setting
        The world.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._frames: dict[str, list[pl.DataFrame]] = {}
        devices = setting.devices
        self.device_texts = [devices.device_id]
        self.device_count = len(devices.owner)
        self.path_texts = [setting.catalogue.paths]
        self.path_count = len(setting.catalogue.paths)
        # Devices whose user is known only at the end of the world.
        self._known_as: dict[str, str] = {}

    def name_devices(self, texts: pl.Series) -> int:
        """Make devices of other sources known; return the number of the first."""
        first = self.device_count
        self.device_texts.append(texts)
        self.device_count += len(texts)
        return first

    def name_paths(self, texts: pl.Series) -> int:
        """Make pages of other sources known; return the number of the first."""
        first = self.path_count
        self.path_texts.append(texts)
        self.path_count += len(texts)
        return first

    def know_leads(self, leads: pl.DataFrame) -> None:
        """Call the devices of leads by the persons that they turned out to be."""
        self.add("leads", leads)
        devices = (pl.lit("device:") + pl.col("device_id")).alias("device")
        self._known_as = dict(leads.select(devices, "person").iter_rows())

    def add(self, table: str, frame: pl.DataFrame) -> None:
        """Collect rows of a table; one without any still says which columns it has."""
        if len(frame) or table not in self._frames:
            self._frames.setdefault(table, []).append(frame)

    def add_facts(self, facts: pl.DataFrame) -> None:
        """Collect what the landed events of a day say."""
        self.add("sessions", sessions_of(facts))
        self.add("person_days", person_days_of(facts))
        self.add("page_days", page_days_of(facts))
        self.add("transitions", transitions_of(facts))
        self.add("funnel_hits", funnel_hits_of(facts))
        count = len(self.setting.people.kind)
        self.add("device_firsts", device_firsts_of(facts, person_count=count))

    def units(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Let `person` be whom an experiment counts: a device is its first user."""
        firsts = (
            self.frame("device_firsts")
            .group_by("device")
            .agg(pl.col("person").sort_by("seen_at").first())
        )
        devices = self._names(self.device_texts, firsts["device"])
        known_as = dict(
            zip(
                pl.select(pl.lit("device:") + devices).to_series(),
                self._person_names(firsts["person"]),
                strict=True,
            )
        )
        return frame.with_columns(pl.col("unit").replace(known_as).alias("person"))

    def frame(self, table: str) -> pl.DataFrame:
        """Return the rows of a table so far."""
        frames = self._frames.get(table)
        return pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()

    def write(self, folder: Path) -> dict[str, int]:
        """Write every table as Parquet, and the world as JSON; return row counts."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = self._finished()
        for name, frame in tables.items():
            frame.write_parquet(folder / f"{name}.parquet")
        world = asdict(self.setting.world)
        text = json.dumps(world, default=str, indent=2, sort_keys=True)
        (folder / "world.json").write_text(text + "\n")
        return {name: len(frame) for name, frame in tables.items()}

    def _finished(self) -> dict[str, pl.DataFrame]:
        done = (
            "sessions",
            "person_days",
            "page_days",
            "transitions",
            "funnel_hits",
            "device_firsts",
        )
        tables = {
            name: self.frame(name) for name in sorted(self._frames) if name not in done
        }
        sessions, person_days = self._sessions(), self._person_days()
        tables["sessions"] = sessions
        tables["person_days"] = person_days
        tables["funnel_hits"] = self._funnel_hits()
        tables["top_pages_daily"] = self._page_days()
        tables["transitions_daily"] = self._transitions()
        tables["metrics_daily"] = metrics_daily(sessions, person_days)
        return tables

    def _names(self, texts: Iterable[pl.Series], codes: pl.Series) -> pl.Series:
        return pl.concat([text.rename("text") for text in texts]).gather(codes)

    def _person_names(self, codes: pl.Series) -> pl.Series:
        users = self.setting.people.user_id
        persons = [
            pl.select(pl.lit("user:") + users).to_series(),
            *(
                pl.select(pl.lit("device:") + text).to_series()
                for text in self.device_texts
            ),
        ]
        return self._names(persons, codes).replace(self._known_as)

    def _sessions(self) -> pl.DataFrame:
        raw = self.frame("sessions")
        return raw.select(
            pl.col("session").alias("session_number"),
            self._names(self.device_texts, raw["device"]).alias("device_id"),
            self._person_names(raw["person"]).alias("first_person"),
            _name_of(SOURCES, "source"),
            _instant("started_at"),
            _instant("ended_at"),
            _day(pl.col("started_at") // DAY).alias("started_on"),
            _instant("really_started_at"),
            pl.col("^.*_count$"),
            self._names(self.path_texts, raw["entry_page"]).alias("entry_path"),
            self._names(self.path_texts, raw["exit_page"]).alias("exit_path"),
            pl.col("is_bot", "is_test", "has_consent", "is_recoverable"),
        ).sort("device_id", "started_at")

    def _person_days(self) -> pl.DataFrame:
        raw = self.frame("person_days")
        flags = ("is_bot", "is_test", "has_consent", "is_recoverable")
        raw = raw.group_by("person", "day", *flags).agg(pl.col("^.*_count$").sum())
        names = self._person_names(raw["person"]).alias("person")
        return raw.select(
            names,
            _day(pl.col("day")),
            names.str.starts_with("user:").alias("is_known"),
            pl.col("^.*_count$"),
            pl.col(*flags),
        ).sort("person", "day")

    def _funnel_hits(self) -> pl.DataFrame:
        raw = self.frame("funnel_hits")
        return raw.select(
            self._person_names(raw["person"]).alias("person"),
            _instant("seen_at").alias("occurred_at"),
            _name_of(HITS, "hit"),
            _name_of(SOURCES, "source"),
            "is_recoverable",
        ).sort("person", "occurred_at", "hit")

    def _page_days(self) -> pl.DataFrame:
        raw = (
            self.frame("page_days")
            .group_by("day", "page")
            .agg(pl.col("view_count").sum())
        )
        return raw.select(
            _day(pl.col("day")),
            self._names(self.path_texts, raw["page"]).alias("page_path"),
            "view_count",
        ).sort("day", "view_count", "page_path", descending=[False, True, False])

    def _transitions(self) -> pl.DataFrame:
        grain = ["day", "is_recoverable", "source_node", "target_node"]
        raw = self.frame("transitions").group_by(grain).agg(pl.col("^.*_count$").sum())
        nodes = [pl.Series(NODES), *self.path_texts]
        return raw.with_columns(
            _day(pl.col("day")),
            self._names(nodes, raw["source_node"]).alias("source_node"),
            self._names(nodes, raw["target_node"]).alias("target_node"),
        ).sort(grain)


def metrics_daily(sessions: pl.DataFrame, person_days: pl.DataFrame) -> pl.DataFrame:
    """Return the overview per day, without robots, tests and refused consent."""
    by_person = (
        person_days.filter(is_counted())
        .group_by("day")
        .agg(
            pl.col("person").n_unique().cast(pl.Int64).alias("active_person_count"),
            pl.col("person")
            .filter(pl.col("is_known"))
            .n_unique()
            .cast(pl.Int64)
            .alias("known_person_count"),
            pl.col("booking_attempt_count").sum().alias("request_count"),
            pl.col("chat_started_count").sum().alias("chat_session_count"),
            pl.col("interactive_event_count", "view_count", "error_count").sum(),
        )
    )
    by_session = (
        sessions.filter(is_counted())
        .group_by(pl.col("started_on").alias("day"))
        .agg(
            pl.len().cast(pl.Int64).alias("session_count"),
            (pl.col("error_count") > 0)
            .sum()
            .cast(pl.Int64)
            .alias("error_session_count"),
        )
    )
    return (
        by_person.join(by_session, on="day", how="full", coalesce=True)
        .with_columns(pl.exclude("day").fill_null(0))
        .with_columns(
            (pl.col("error_session_count") / pl.col("session_count")).alias(
                "error_rate"
            )
        )
        .sort("day")
    )


def _day(days: pl.Expr) -> pl.Expr:
    return days.cast(pl.Int32).cast(pl.Date)


def _instant(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us", "UTC"))


def _name_of(names: tuple[str, ...], column: str) -> pl.Expr:
    return (
        pl.col(column)
        .replace_strict(dict(enumerate(names)), return_dtype=pl.String)
        .alias(column)
    )
