"""Extraction of the app database: one snapshot of the source, one transaction here.

Change stamps are not commit-ordered, so every extract reads an overlap again; what it
reads twice differs in nothing and writes nothing. Rows that vanish are found by
comparing all keys now and then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from orchestration.privacy.places import read_places
from orchestration.privacy.suppressions import read_suppressions
from orchestration.raw.app_copying import Hide, pseudonym
from orchestration.raw.app_history import ExtractError, Moment, Written
from orchestration.raw.app_mapping import Reading, map_table
from orchestration.raw.app_snapshot import Snapshot, take_snapshot
from orchestration.raw.app_state import (
    move_watermark,
    next_load_id,
    read_progress,
    record_load,
    save_progress,
)
from orchestration.raw.app_table_extract import Erased, TableExtract, TableReport
from orchestration.raw.app_tables import read_app_tables
from orchestration.registry.app_source import AppSource
from orchestration.registry.entries import Entry
from orchestration.registry.problems import Problem, RegistryError
from orchestration.warehouse.connection import connect


@dataclass(frozen=True)
class Terms:
    """What an extract is done under.

    Attributes
    ----------
    timezone : str
        The zone whose days are touched.
    pseudonym_key : bytes
        The key of what contact details become.
    registry_version : int or None
        The version that the mapping was taken from.
    suppression_key : bytes or None
        The key of the list of erased persons; None asks nobody's.
    """

    timezone: str
    pseudonym_key: bytes
    registry_version: int | None = None
    suppression_key: bytes | None = None


@dataclass
class ExtractReport:
    """What an extract did; `load_id` is None when nothing had changed."""

    source: str
    snapshot_at: datetime
    load_id: int | None = None
    touched_day_count: int = 0
    tables: dict[str, TableReport] = field(default_factory=dict)


def extract_app(
    warehouse_url: str,
    *,
    entry: Entry,
    source_url: str,
    terms: Terms,
    whole: bool = False,
    sweep: bool = False,
) -> ExtractReport:
    """Bring the canonical tables up to the source, in one transaction.

    Waits while a build or another extract of this source runs. Killed anywhere, it
    leaves nothing behind.

    Parameters
    ----------
    entry : Entry
        The mapping as the registry has it, with its place in the files.
    source_url : str
        The operational database; it is only ever read.
    whole : bool
        Read everything, whatever the change stamps say.
    sweep : bool
        Look for deleted rows now, however short ago that was done.

    Raises
    ------
    ExtractError
        If the source cannot be reached or read, or yields rows that cannot be kept.
    RegistryError
        If the mapping does not fit the source or the canonical tables.
    """
    app_source = entry.model
    if not isinstance(app_source, AppSource):
        msg = f"sources/{entry.id}.yml does not describe an app database"
        raise TypeError(msg)
    with connect(warehouse_url, application_name="daybook extract") as warehouse:
        # Taken before the snapshot: who waited must not write what has become old.
        warehouse.execute(
            "select pg_advisory_xact_lock_shared(hashtext('daybook.truth'))"
        )
        warehouse.execute(
            "select pg_advisory_xact_lock(hashtext('daybook.source'), hashtext(%s))",
            (entry.id,),
        )
        with take_snapshot(
            source_url,
            name=entry.id,
            statement_timeout_seconds=app_source.statement_timeout_seconds,
        ) as snapshot:
            run = _Run(warehouse, snapshot, entry, app_source, terms)
            return run.extract(whole=whole, sweep=sweep)


class _Run:
    """One extract, inside its two open transactions."""

    def __init__(
        self,
        warehouse: psycopg.Connection,
        snapshot: Snapshot,
        entry: Entry,
        app_source: AppSource,
        terms: Terms,
    ) -> None:
        self.warehouse = warehouse
        self.snapshot = snapshot
        self.entry = entry
        self.app_source = app_source
        self.terms = terms
        # Held to the end: an erasure waits for extracts that know an older list.
        warehouse.execute(
            "select pg_advisory_xact_lock_shared(hashtext('daybook.erased'))"
        )
        self.suppressions = (
            read_suppressions(warehouse, key=terms.suppression_key)
            if terms.suppression_key
            else None
        )
        self.places = read_places() if self.suppressions else {}
        load_id = next_load_id(warehouse)
        self.moment = Moment(load_id, snapshot.taken_at, terms.timezone)

    def extract(self, *, whole: bool, sweep: bool) -> ExtractReport:
        """Extract every table, then write the ledgers."""
        report = ExtractReport(self.entry.id, self.snapshot.taken_at)
        readings = self._readings()
        self.warehouse.execute(
            "create temp table touched "
            "(event_name text, occurred_on date, row_count bigint) on commit drop"
        )
        known = {} if whole else read_progress(self.warehouse, self.entry.id)
        overlap = timedelta(minutes=self.app_source.overlap_minutes)
        sweep_every = timedelta(hours=0 if sweep else self.app_source.sweep_hours)
        for name, reading in readings.items():
            extract = TableExtract(
                self.warehouse,
                self.snapshot,
                reading,
                self.moment,
                self._hides(reading),
                self._erased(reading),
            )
            with _told_about(name):
                progress = extract.run(
                    known.get(name),
                    overlap=overlap,
                    sweep_every=sweep_every,
                )
            save_progress(self.warehouse, self.entry.id, name, progress)
            report.tables[name] = extract.report
        self._record(report)
        move_watermark(
            self.warehouse,
            self.entry.id,
            snapshot_at=self.snapshot.taken_at,
            overlap=overlap,
        )
        return report

    def _readings(self) -> dict[str, Reading]:
        """Hold every mapping against source and warehouse before anything is read."""
        tables = read_app_tables(self.warehouse)
        readings: dict[str, Reading] = {}
        problems: list[Problem] = []
        for name, mapping in self.app_source.tables.items():
            reading, found = map_table(
                self.snapshot.connection, self.entry, tables[name], mapping
            )
            problems.extend(found)
            if reading is not None:
                readings[name] = reading
        if problems:
            raise RegistryError(problems)
        return readings

    def _hides(self, reading: Reading) -> dict[str, Hide]:
        hides = {
            name: pseudonym(kind, key=self.terms.pseudonym_key)
            for name, kind in reading.mapping.pseudonymise.items()
        }
        place = self.places.get(f"raw.app_{reading.table.name}")
        if place and self.suppressions:
            named = {*place.delete, *place.rename} & set(reading.columns)
            hides |= dict.fromkeys(named, self.suppressions.renamed)
        return hides

    def _erased(self, reading: Reading) -> Erased | None:
        """Return which rows of a table are not to be kept, once renamed."""
        place = self.places.get(f"raw.app_{reading.table.name}")
        if not place or not self.suppressions or not place.delete:
            return None
        return Erased(place.delete, self.suppressions.replacement_ids)

    def _record(self, report: ExtractReport) -> None:
        """Write the ledger row and the touched days, if anything was written."""
        tables = report.tables.values()
        total = Written(
            opened=sum(table.opened for table in tables),
            closed=sum(table.closed for table in tables),
            removed=sum(table.removed for table in tables),
        )
        if total == Written():
            return
        report.load_id = self.moment.load_id
        report.touched_day_count = record_load(
            self.warehouse,
            self.entry.id,
            self.moment,
            total,
            registry_version=self.terms.registry_version,
        )


@contextmanager
def _told_about(table_name: str) -> Iterator[None]:
    """Say which table failed and how, without the values that Postgres quotes."""
    try:
        yield
    except psycopg.errors.QueryCanceled:
        msg = f"{table_name}: the source's statement timeout was reached"
        raise ExtractError(msg) from None
    except psycopg.Error as error:
        msg = f"{table_name}: {type(error).__name__} while reading or writing its rows"
        raise ExtractError(msg) from None
