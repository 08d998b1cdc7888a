"""A small simulated marketplace, loaded, built and published, from which one goes."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from psycopg import sql

from orchestration.privacy.erasure import Erasure, Request
from orchestration.privacy.suppressions import suppression_key
from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms as PublicationTerms
from orchestration.quality.publishing import publish
from orchestration.raw.app_extraction import Terms, extract_app
from orchestration.raw.loading import load_landing
from orchestration.registry.reading import load_registry
from orchestration.registry.storing import refresh_registry
from orchestration.segments import publication as segments
from orchestration.segments.evaluation import bring_up_to_date
from orchestration.settings import Settings
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from orchestration.transform.builds import Request as BuildRequest
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.run import run_build
from orchestration.warehouse.connection import connect, sibling_url
from tests.warehouse.histories import point_dbt_at

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 12, tzinfo=UTC)
WORLD = World(seed=5, persons=40, days=4, start_on=date(2026, 1, 5), activity=0.6)


@dataclass
class ErasureWorld:
    """A warehouse, its landing folder, and the app beside it."""

    url: str
    app_url: str | None
    home: Path
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(
            home=self.home,
            database_url=self.url,
            landing_url=str(self.home / "landing"),
            app_database_url=self.app_url,
            registry_dir=ROOT / "registry",
            timezone="UTC",
            pseudonym_key_text="a key for tests",
        )
        self.project = Project.of(self.settings)
        self.landing = self.home / "landing"

    def simulate(self, truth: Path, world: World = WORLD) -> None:
        simulate(world, self.landing, truth, self.app_url)

    def bring_up(self) -> None:
        """Load, extract, build and publish what there is."""
        with connect(self.url, application_name="tests") as connection:
            refresh_registry(connection, self.settings.registry_dir)
        self.load()
        self.extract()
        self.build()

    def load(self):
        return load_landing(self.url, settings=self.settings, now=NOW)

    def extract(self, **options):
        if self.app_url is None:
            return None
        entry = load_registry(self.settings.registry_dir).entry("app_source", "app")
        return extract_app(
            self.url,
            entry=entry,
            source_url=self.app_url,
            terms=Terms(
                timezone="UTC",
                pseudonym_key=self.settings.pseudonym_key(),
                suppression_key=suppression_key(self.settings),
            ),
            **options,
        )

    def build(self) -> None:
        point_dbt_at(self.url)
        report = run_build(
            self.url, project=self.project, request=BuildRequest(run_id="tests")
        )
        assert report.succeeded, report.text()
        with connect(self.url, application_name="tests") as connection:
            bring_up_to_date(connection, timezone="UTC")
            publication = publish(
                connection,
                tables=[
                    *published_tables(load_manifest(self.project)),
                    *segments.TABLES,
                ],
                terms=PublicationTerms(),
            )
        assert not publication.is_held, publication.reason

    def erasure(self, user_id: str, **options) -> Erasure:
        point_dbt_at(self.url)
        return Erasure(
            self.url,
            settings=self.settings,
            request=Request(user_id, "asked by letter", **options.pop("names", {})),
            project=self.project,
            **options,
        )

    def rows(self, query: str, *values: object) -> list[tuple]:
        with connect(self.url, application_name="tests") as connection:
            return connection.execute(query, values or None).fetchall()


@contextmanager
def made_world(
    server_url: str, template: str, folder: Path, world: World = WORLD
) -> Iterator[ErasureWorld]:
    """Yield a world that is simulated, loaded, built and published."""
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(server_url, template))
        app_url = stack.enter_context(fresh_database(server_url, "template1"))
        made = ErasureWorld(url, app_url, folder / "home")
        made.simulate(folder / "truth", world)
        made.bring_up()
        yield made


@contextmanager
def copied_world(
    made: ErasureWorld, server_url: str, folder: Path
) -> Iterator[ErasureWorld]:
    """Yield a copy of a world, which may be spoiled; the app is the same."""
    shutil.copytree(made.home, folder / "home")
    with fresh_database(server_url, made.url.split("?")[0].rpartition("/")[2]) as url:
        yield ErasureWorld(url, made.app_url, folder / "home")


@contextmanager
def fresh_database(server_url: str, template: str) -> Iterator[str]:
    name = f"daybook_test_{uuid.uuid4().hex[:12]}"
    with connect(server_url, application_name="tests", autocommit=True) as server:
        server.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield sibling_url(server_url, name)
        server.execute(
            sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        )
