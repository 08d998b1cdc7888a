"""Every app source of the registry, extracted one after the other."""

from dataclasses import dataclass, field

from orchestration.privacy.suppressions import suppression_key
from orchestration.raw.app_extraction import ExtractReport, Terms, extract_app
from orchestration.raw.app_history import ExtractError
from orchestration.raw.app_snapshot import app_database_url
from orchestration.raw.app_table_extract import TableReport
from orchestration.registry.in_force import read_registry
from orchestration.registry.problems import RegistryError
from orchestration.settings import Settings
from orchestration.warehouse.connection import connect


@dataclass
class Extracts:
    """What the extracts of all sources did.

    Attributes
    ----------
    failures : list of str
        Why a source was not read; what was extracted of it before stays.
    """

    reports: list[ExtractReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def table(self, name: str) -> TableReport:
        """Return what all sources together brought to one canonical table."""
        parts = [each.tables[name] for each in self.reports if name in each.tables]
        return TableReport(
            read=sum(part.read for part in parts),
            opened=sum(part.opened for part in parts),
            closed=sum(part.closed for part in parts),
            removed=sum(part.removed for part in parts),
        )


def extract_app_sources(
    url: str, *, settings: Settings, sweep: bool = False
) -> Extracts:
    """Bring the canonical tables up to every source that answers.

    Parameters
    ----------
    sweep : bool
        Look for deleted rows now, however short ago that was done.

    Raises
    ------
    RegistryError
        If no registry was ever stored.
    """
    extracts = Extracts()
    source_url = app_database_url(settings, url)
    if source_url is None:
        return extracts
    with connect(url, application_name="daybook registry") as connection:
        registry = read_registry(connection, settings.registry_dir)
        [(version,)] = connection.execute(
            "select max(registry_version) from registry.versions"
        ).fetchall()
    terms = Terms(
        timezone=settings.timezone,
        pseudonym_key=settings.pseudonym_key(),
        suppression_key=suppression_key(settings),
        registry_version=version,
    )
    for source in registry.app_sources():
        entry = registry.entry("app_source", source)
        try:
            report = extract_app(
                url, entry=entry, source_url=source_url, terms=terms, sweep=sweep
            )
        except (ExtractError, RegistryError) as error:
            extracts.failures.append(f"{source}: {error}")
        else:
            extracts.reports.append(report)
    return extracts
