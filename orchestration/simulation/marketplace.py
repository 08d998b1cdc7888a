"""The simulated marketplace in one function: world in; files, app rows, truth out."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from orchestration.simulation.access_log import AccessLog
from orchestration.simulation.accounts import tables_of_truth
from orchestration.simulation.days import Day, Planner
from orchestration.simulation.deliveries import Deliveries, deliver
from orchestration.simulation.facts import facts_of
from orchestration.simulation.findings import add_findings
from orchestration.simulation.landing import Landing
from orchestration.simulation.leads import Leads
from orchestration.simulation.legacy import Legacy
from orchestration.simulation.malformed import BATCH_KINDS, KINDS, draw_kinds
from orchestration.simulation.properties import Properties
from orchestration.simulation.rendering import Once, Renderer
from orchestration.simulation.services import Services, endpoints_of
from orchestration.simulation.setting import Setting, draw_setting
from orchestration.simulation.truth import Truth
from orchestration.simulation.world import SENT_BY_SERVER, World

Progress = Callable[[int, int], None]
PIECE = 100_000


@dataclass(frozen=True)
class Simulation:
    """What a simulation made.

    Attributes
    ----------
    record_count, file_count, byte_count : int
        What lies in the landing files that this call wrote, malformed records too.
    truth, app : dict
        Rows per table of the truth and of the app database.
    seconds : float
        Wall time of the whole.
    """

    world: World
    record_count: int
    file_count: int
    byte_count: int
    seconds: float
    truth: dict[str, int] = field(default_factory=dict)
    app: dict[str, int] = field(default_factory=dict)

    @property
    def records_per_second(self) -> float:
        """Records planned, rendered, compressed and written per second."""
        return self.record_count / max(self.seconds, 1e-9)


def simulate(
    world: World,
    landing: Path,
    truth: Path | None,
    app_url: str | None = None,
    *,
    first_day: int = 0,
    progress: Progress | None = None,
) -> Simulation:
    """Simulate a world into landing files, truth and an app database.

    Files of days before `first_day` are taken as delivered and not written again: to
    deliver another day, simulate the same world with one day more and `first_day` set
    to the days there were. Truth and app database always say how things stand at the
    end of the world.
    """
    started = time.perf_counter()
    setting = draw_setting(world)
    run = _Run(setting, Landing(landing, world=world, first_day=first_day))
    try:
        for day in range(world.days):
            run.day(day, wants_truth=truth is not None)
            if progress:
                progress(day + 1, world.days)
    finally:
        run.landing.finish()

    truth_counts: dict[str, int] = {}
    if truth is not None:
        tables_of_truth(run.planner, run.truth)
        run.truth.know_leads(run.leads.persons(run.planner))
        run.truth.add("files", _files(world, run.landing))
        truth_counts = run.truth.write(truth)
    app_counts: dict[str, int] = {}
    if app_url is not None:
        from orchestration.simulation.app_database import write_app  # noqa: PLC0415

        app_counts = write_app(run.planner, app_url)
    files = run.landing.files
    return Simulation(
        world=world,
        record_count=sum(file.record_count for file in files),
        file_count=len(files),
        byte_count=sum(file.byte_count for file in files),
        seconds=time.perf_counter() - started,
        truth=truth_counts,
        app=app_counts,
    )


class _Run:
    """One run through the days of a world."""

    def __init__(self, setting: Setting, landing: Landing) -> None:
        self.setting = setting
        self.landing = landing
        self.planner = Planner(setting)
        self.truth = Truth(setting)
        self.legacy = Legacy(setting, self.truth)
        self.access_log = AccessLog(setting, self.truth)
        self.leads = Leads(setting, self.truth)
        properties = Properties(setting, self.planner.orders.table)
        self.renderer = Renderer(setting, properties)
        self.services = Services(setting)
        # What was rendered but lands on a later day, by source and day.
        self._later: dict[tuple[str, int], list] = {}
        # How many lines land, also where they lie already: malformed ones go by it.
        self._line_counts: Counter[tuple[str, int]] = Counter()

    def day(self, number: int, *, wants_truth: bool) -> None:
        """Plan a day, deliver what it causes and write the files that are complete."""
        day = self.planner.plan(number)
        copies = deliver(self.setting, day)
        self._count(day, copies)
        own = pl.concat([self.services.of_their_own(day), self.leads.rows(number)])
        if wants_truth:
            facts = facts_of(self.setting, day)
            self.truth.add_facts(facts)
            self.truth.add_facts(self.leads.facts(number))
            add_findings(self.truth, self.setting, day, copies, own)
            self.truth.add("endpoints_daily", endpoints_of(own))
        if self._is_to_be_written(copies):
            once = self.renderer.once(day)
            self._render(day, once, copies)
        self._keep("server", number, own)
        self._write(number, wants_truth=wants_truth)

    def _is_to_be_written(self, copies: Deliveries) -> bool:
        """Tell whether any copy lies in a file that is still to be written."""
        lands = copies.land_day
        return len(lands) > 0 and int(lands.max()) >= self.landing.first_day

    def _senders(self, day: Day, copies: Deliveries) -> dict[str, np.ndarray]:
        """Tell for each source which copies it sends."""
        device = day.device[copies.moment]
        from_server = SENT_BY_SERVER[day.moments.name[copies.moment]]
        mobile = self.setting.devices.is_mobile[device] & ~from_server
        return {
            "server": from_server,
            "mobile": mobile,
            "web": ~mobile & ~from_server,
        }

    def _count(self, day: Day, copies: Deliveries) -> None:
        for source, mine in self._senders(day, copies).items():
            days, counts = np.unique(copies.land_day[mine], return_counts=True)
            for land_day, count in zip(days.tolist(), counts.tolist(), strict=True):
                self._line_counts[source, land_day] += count

    def _render(self, day: Day, once: Once, copies: Deliveries) -> None:
        for source, mine in self._senders(day, copies).items():
            index = np.flatnonzero(mine)
            # In pieces, so that a big day does not need big memory.
            for start in range(0, len(index), PIECE):
                chosen = copies.at(index[start : start + PIECE])
                if source == "server":
                    rendered = self.services.rows(day, once, chosen)
                else:
                    rendered = self.renderer.lines(
                        day, once, chosen, mobile=source == "mobile"
                    )
                for land_day in np.unique(chosen.land_day).tolist():
                    here = rendered.filter(pl.Series(chosen.land_day == land_day))
                    waits = land_day != day.number
                    self._keep(source, land_day, _compact(here) if waits else here)

    def _keep(self, source: str, day: int, rendered: pl.Series | pl.DataFrame) -> None:
        if len(rendered):
            self._later.setdefault((source, day), []).append(rendered)

    def _write(self, number: int, *, wants_truth: bool) -> None:
        """Write the files of a day: nothing that lands on it is planned any more."""
        for source in ("web", "mobile"):
            parts = self._later.pop((source, number), [])
            lines = pl.concat(parts) if parts else pl.Series(dtype=pl.String)
            kinds = KINDS if source == "web" else BATCH_KINDS
            broken = self._malformed(source, number, kinds, wants_truth)
            self.landing.write_lines(source, number, lines, broken)
        frames = self._later.pop(("server", number), [])
        if frames:
            self.landing.write_frame("server", number, pl.concat(frames))
        for source, writer in (
            ("legacy", self.legacy),
            ("access_log", self.access_log),
        ):
            facts, lines = writer.day(number)
            if wants_truth:
                self.truth.add_facts(facts)
            self.landing.write_bytes(source, number, lines)

    def _malformed(
        self,
        source: str,
        number: int,
        kinds: tuple[tuple[str, bytes], ...],
        wants_truth: bool,  # noqa: FBT001
    ) -> list[bytes]:
        world = self.setting.world
        dice = world.dice(f"malformed {source}", number)
        count = self._line_counts.pop((source, number), 0)
        drawn = draw_kinds(dice, world.troubles.malformed, count) % len(kinds)
        if wants_truth and len(drawn):
            names = pl.Series([kinds[kind][0] for kind in drawn])
            counts = pl.DataFrame({"kind": names}).group_by("kind").len("record_count")
            self.truth.add(
                "malformed",
                counts.sort("kind").select(
                    pl.lit(world.date_of(number)).alias("landed_on"),
                    pl.lit(source).alias("source"),
                    "kind",
                    pl.col("record_count").cast(pl.Int64),
                ),
            )
        return [kinds[kind][1] for kind in drawn]


def _compact(rows: pl.Series | pl.DataFrame) -> pl.Series | pl.DataFrame:
    """Return rows that no longer hold on to the texts of those beside them."""
    # A filtered text column is a view: one late line would keep a whole day in memory.
    if isinstance(rows, pl.DataFrame):
        return rows.with_columns(
            [_own_texts(column) for column in rows if column.dtype == pl.String]
        )
    return _own_texts(rows)


def _own_texts(column: pl.Series) -> pl.Series:
    return pl.Series(column.name, column.to_arrow().cast(pa.large_string()))


def _files(world: World, landing: Landing) -> pl.DataFrame:
    """Return what each file of this call holds, in records."""
    return pl.DataFrame(
        {
            "source": [file.source for file in landing.files],
            "file_name": [file.name for file in landing.files],
            "landed_on": [world.date_of(file.day) for file in landing.files],
            "record_count": [file.record_count for file in landing.files],
            "byte_count": [file.byte_count for file in landing.files],
        }
    )
