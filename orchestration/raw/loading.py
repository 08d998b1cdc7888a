"""Load what is new in the landing store: scan, read, write, and say how far it got."""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

import psycopg

from orchestration.privacy.suppressions import suppressions_held
from orchestration.raw.alarms import raise_alarms
from orchestration.raw.contracts import Contracts
from orchestration.raw.definitions import read_definitions, read_files
from orchestration.raw.intake import Intake, Progress
from orchestration.raw.landing import MARKER, LandingFile, LandingStore
from orchestration.raw.ledger import FileSeen
from orchestration.raw.normalize import Normalizer
from orchestration.raw.reports import LoadReport, SourceReport
from orchestration.raw.scanning import compare_with_ledger
from orchestration.raw.source_load import SourceLoad
from orchestration.raw.sources import Source
from orchestration.raw.watermarks import ScanState, missing_periods, move_watermark
from orchestration.settings import Settings
from orchestration.warehouse.connection import connect

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Circumstances:
    """What every file of a load meets, whichever source it is from.

    Attributes
    ----------
    sources : dict of str to Source
        Every source of landing files, by name.
    now : datetime
        When the load began.
    retention_floor : date or None
        The first day that is kept.
    is_suppressed : callable or None
        Tells of a user id and a device id whether they belong to an erased person.
    """

    sources: dict[str, Source]
    contracts: Contracts
    timezone: str
    pseudonym_key: bytes
    now: datetime
    retention_floor: date | None
    is_suppressed: Callable[[str | None, str | None], bool] | None = None

    def normalizer(
        self,
        source: Source,
        *,
        arrived_at: datetime | None,
        row_allowance: int | None = None,
    ) -> Normalizer:
        """Return a normaliser for one file of a source."""
        return Normalizer(
            source=source,
            contracts=self.contracts,
            timezone=self.timezone,
            pseudonym_key=self.pseudonym_key,
            now=self.now,
            retention_floor=self.retention_floor,
            arrived_at=arrived_at,
            row_allowance=row_allowance,
            is_suppressed=self.is_suppressed,
        )


def read_circumstances(
    settings: Settings, *, now: datetime, url: str | None = None
) -> Circumstances:
    """Read from settings and registry what loading needs to know.

    Parameters
    ----------
    url : str, optional
        The warehouse whose registry is in force; without one, the files are read.
    """
    directory = settings.registry_dir
    defined = read_definitions(url, directory) if url else read_files(directory)
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    retention = defined.retention
    return Circumstances(
        sources=defined.sources,
        contracts=defined.contracts,
        timezone=settings.timezone,
        pseudonym_key=settings.pseudonym_key(),
        now=now,
        retention_floor=retention and retention.floor("raw_events", today=today),
    )


def load_landing(
    url: str,
    *,
    settings: Settings,
    now: datetime,
    only: Collection[str] | None = None,
    store: LandingStore | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Load every file of the landing store that is new and finished.

    Run it as often as you like, and twice at once: a file that was loaded is skipped
    unread, and a load that was killed has left nothing behind.

    Parameters
    ----------
    url : str
        The warehouse.
    settings : Settings
        Say where the landing store and the registry are.
    now : datetime
        The time of the scan.
    only : collection of str, optional
        Names of the sources to load; all of them by default.
    store : LandingStore, optional
        The landing store, if not the one of the settings.
    progress : callable, optional
        Told a file's name, bytes read and records read after every chunk.

    Raises
    ------
    LandingUnreachable
        When the store cannot be listed.
    RegistryError
        When a source or a contract is not well defined.
    """
    began = time.monotonic()
    report = LoadReport(started_at=now)
    store = store or LandingStore(settings.landing_url)
    circumstances = read_circumstances(settings, now=now, url=url)
    with suppressions_held(url, settings) as suppressions:
        if suppressions is not None:
            circumstances = replace(circumstances, is_suppressed=suppressions.holds)
        for name, source in circumstances.sources.items():
            if only is None or name in only:
                load = partial(
                    _load_source, url, source, store=store, progress=progress
                )
                report.sources.append(load(circumstances=circumstances))
    report.seconds = time.monotonic() - began
    for row in report.by_source():
        LOGGER.debug("scanned %s", row)
    return report


def find_unloaded(
    url: str,
    *,
    settings: Settings,
    now: datetime,
    store: LandingStore | None = None,
) -> list[str]:
    """Return the names of finished files that no load has looked at, opening none."""
    store = store or LandingStore(settings.landing_url)
    found: list[str] = []
    sources = read_definitions(url, settings.registry_dir).sources
    with connect(url, application_name="daybook scan") as connection:
        for name, source in sources.items():
            files = {
                FileSeen(*file[:4]): file for file in store.list(source.path).files
            }
            scan = compare_with_ledger(connection, name, files)
            found += [
                f"{name}/{seen.uri}"
                for seen in scan.new
                if store.is_ready(files[seen], now=now)
            ]
    return sorted(found)


def _load_source(
    url: str,
    source: Source,
    *,
    store: LandingStore,
    circumstances: Circumstances,
    progress: Progress | None,
) -> SourceReport:
    marker = source.completeness.marker
    listing = store.list(source.path, marker=marker.name if marker else MARKER)
    with connect(url, application_name="daybook scan") as connection:
        version = _registry_version(connection)
        allowance = _row_allowance(connection, source, now=circumstances.now)

    def normalizer(file: LandingFile) -> Normalizer:
        left = None if allowance is None else max(0, allowance - load.row_count)
        return circumstances.normalizer(
            source, arrived_at=file.modified_at, row_allowance=left
        )

    intake = Intake(store, source.format, normalizer, version, progress)
    load = SourceLoad(url, source.name, intake)
    report = load.run(listing.files, now=circumstances.now)
    state = ScanState(
        started_at=circumstances.now,
        unloaded=report.unloaded,
        markers={marker.uri: marker.modified_at for marker in listing.markers},
    )
    with connect(url, application_name="daybook scan") as connection:
        report.complete_through = move_watermark(connection, source, state)
        report.missing = missing_periods(connection, source, now=circumstances.now)
        raise_alarms(connection, report)
    return report


def _registry_version(connection: psycopg.Connection) -> int | None:
    [(version,)] = connection.execute(
        "select max(registry_version) from registry.versions"
    ).fetchall()
    return version


def _row_allowance(
    connection: psycopg.Connection, source: Source, *, now: datetime
) -> int | None:
    """Return how many rows a source may still bring on the day of the load."""
    if source.daily_row_quota is None:
        return None
    [(taken,)] = connection.execute(
        """
        select coalesce(sum(accepted_count), 0)::bigint
        from ops.loads
        where
            source = %s
            and kind = 'file'
            and (loaded_at at time zone 'utc')::date
            = (%s::timestamptz at time zone 'utc')::date
        """,
        (source.name, now),
    ).fetchall()
    return max(0, source.daily_row_quota - taken)
