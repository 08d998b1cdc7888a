"""A whole Daybook in a folder and a database: load, extract, build, publish."""

import copy
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl
from psycopg import sql

from orchestration.experiments import publication as experiments
from orchestration.experiments.storing import analyse
from orchestration.quality.published_tables import published_tables
from orchestration.quality.published_views import published_views
from orchestration.quality.publishing import Terms, publish
from orchestration.raw.app_extraction import Terms as AppTerms
from orchestration.raw.app_extraction import extract_app
from orchestration.raw.loading import load_landing
from orchestration.registry.in_force import read_registry
from orchestration.registry.storing import refresh_registry
from orchestration.settings import Settings
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import Troubles, World
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.equivalence import unpublished_tables
from orchestration.transform.run import read_plan, run_build
from orchestration.warehouse.connection import connect
from orchestration.warehouse.digest import digest_table
from tests.warehouse.histories import point_dbt_at
from tests.warehouse.model_digests import digest_models

ROOT = Path(__file__).parents[2]
DBT_PROJECT = ROOT / "dbt_project"
KEY = "a key for tests"

# Small, and with plenty of every trouble that a warehouse can undo.
LOUD = Troubles(
    duplicates=0.03,
    conflicts=0.01,
    malformed=0.004,
    late=0.06,
    very_late=0.01,
    bridges=0.05,
    pauses=0.03,
    splits=0.05,
    double_views=0.05,
    skewed_clocks=0.1,
    wrong_clocks=0.01,
    future_clocks=0.01,
    bots=0.01,
    shared_devices=0.15,
    test_accounts=0.02,
)
WORLD = World(
    seed=17,
    persons=250,
    days=12,
    start_on=date(2026, 10, 1),
    activity=0.5,
    troubles=LOUD,
)


@cache
def dbt_folder():
    """Return where dbt writes: one place, so that the project is parsed once."""
    return Path(tempfile.mkdtemp(prefix="daybook-dbt-"))


@cache
def marts(project):
    """Return the published tables that dbt makes; no test changes its files."""
    return published_tables(load_manifest(project))


class House:
    """What the nightly job does, without Dagster, at times that a test chooses."""

    def __init__(self, url, folder, *, app_url=None, registry=ROOT / "registry"):
        self.url = url
        self.folder = folder
        self.app_url = app_url
        self.settings = Settings(
            home=folder,
            database_url=url,
            landing_url=str(folder / "landing"),
            app_database_url=app_url,
            registry_dir=registry,
            timezone="UTC",
            pseudonym_key_text=KEY,
        )
        self.landing = folder / "landing"
        self.landing.mkdir(parents=True, exist_ok=True)
        self.project = Project(DBT_PROJECT, dbt_folder() / "target")

    def elsewhere(self, url):
        """Return the same house over another warehouse."""
        other = copy.copy(self)
        other.url = url
        other.settings = replace(self.settings, database_url=url)
        return other

    @contextmanager
    def connection(self):
        with connect(self.url, application_name="tests", autocommit=True) as opened:
            yield opened

    def rows(self, query, parameters=None):
        with self.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def one(self, query, parameters=None):
        [row] = self.rows(query, parameters)
        return row

    def store_registry(self):
        with self.connection() as connection:
            refreshed = refresh_registry(connection, self.settings.registry_dir)
        assert refreshed.problems == ()

    def load(self, *, now):
        return load_landing(self.url, settings=self.settings, now=now)

    def extract(self, **options):
        with self.connection() as connection:
            registry = read_registry(connection, self.settings.registry_dir)
        return extract_app(
            self.url,
            entry=registry.entry("app_source", "app"),
            source_url=self.app_url or "",
            terms=AppTerms(timezone="UTC", pseudonym_key=KEY.encode()),
            **options,
        )

    def build(self):
        with dbt_pointed_at(self.url):
            report = run_build(
                self.url,
                project=self.project,
                request=Request(run_id="test", pseudonym_key=KEY.encode()),
            )
        assert report.failure is None, report.failure
        with self.connection() as connection:
            analyse(connection, timezone=self.settings.timezone)
        return report

    def plan(self):
        with dbt_pointed_at(self.url):
            return read_plan(self.url, self.project)

    def tables(self):
        return [*marts(self.project), *experiments.TABLES]

    def publish(self, *, is_closing=True):
        terms = Terms(is_closing=is_closing)
        with self.connection() as connection:
            made = publish(
                connection, tables=self.tables(), terms=terms, views=published_views()
            )
            assert not made.is_held
            assert unpublished_tables(connection, self.tables()) == []
        return made

    def night(self, *, now):
        """Take in what landed and what the app holds, build and publish."""
        self.store_registry()
        loaded = self.load(now=now)
        if self.app_url:
            self.extract(sweep=True)
        self.build()
        self.publish()
        return loaded

    def rebuild(self):
        """Build everything from nothing, as dbt's full refresh does."""
        with self.connection() as connection:
            connection.execute("delete from ops.models")
        return self.build()

    def digests(self):
        """Digest every model, and every published table."""
        with self.connection() as connection:
            made = digest_models(connection)
            for table in self.tables():
                name = f"published_data.{table.name}"
                made[name] = digest_table(connection, name)
            for table in experiments.TABLES:
                name = f"experiments.{table.made_name}"
                made[name] = digest_table(connection, name)
        return made

    def truth(self):
        """Digest what was accepted, and list the payloads that lost a conflict."""
        with self.connection() as connection:
            return (
                digest_table(connection, "raw.events", ignoring={"load_id"}),
                digest_table(connection, "raw.event_keys"),
                connection.execute(
                    """
                    select event_key, payload_hash from raw.set_aside
                    where outcome = 'conflict' order by event_key, payload_hash
                    """
                ).fetchall(),
            )

    def conservation(self):
        """Return where ledger and rows differ: nowhere, if all is well."""
        return self.rows(
            """
            select coalesce(source, 'all'), difference
            from ops.conservation() where difference <> 0
            union all
            select occurred_on::text, difference
            from ops.conservation_by_day() where difference <> 0
            """
        )


@contextmanager
def dbt_pointed_at(url):
    """Tell dbt about a warehouse, and let nothing of it outlive the block."""
    before = dict(os.environ)
    try:
        point_dbt_at(url)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def made_database(server_url, name, *, template="template1"):
    """A database of that name, for as long as the block runs."""
    made, origin = sql.Identifier(name), sql.Identifier(template)
    with connect(server_url, application_name="tests", autocommit=True) as server:
        server.execute(sql.SQL("create database {} template {}").format(made, origin))
        try:
            yield server_url.replace("/postgres", f"/{name}", 1)
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(made))


def morning_after(world):
    """Return a time at which the last files of a world are there."""
    end = datetime.fromtimestamp(world.end / 1_000_000, tz=UTC)
    return end + timedelta(hours=8)


@dataclass(frozen=True)
class Story:
    """A world that was delivered part by part, and what its truth says at the end."""

    world: World
    house: House
    truth_folder: Path
    files: pl.DataFrame

    def truth(self, table):
        return pl.read_parquet(self.truth_folder / f"{table}.parquet")


def live_through(world, *, url, app_url, folder, nights=3):
    """Deliver a world in parts; load, extract, build and publish after each."""
    house = House(url, folder / "house", app_url=app_url)
    truth, files, delivered = folder / "truth", [], 0
    for days in range(world.days - nights + 1, world.days + 1):
        so_far = replace(world, days=days)
        simulate(so_far, house.landing, truth, app_url, first_day=delivered)
        files.append(pl.read_parquet(truth / "files.parquet"))
        house.night(now=morning_after(so_far))
        delivered = days
    return Story(world, house, truth, pl.concat(files))
