"""One server per session, one migrated database per test, no mocks of SQL."""

import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.embedded import embedded_server, stop_server
from orchestration.warehouse.migrations import migrate
from tests.parallel import InGroups, turn_of

# The same inputs on every run, and no clock: a busy machine is no defect.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> InGroups:
    """Keep what shares a fixture in one process, when tests run in several."""
    return InGroups(config, log)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Begin with what takes long, when tests run in several processes."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """Spare the collector what stays to the end: all that was imported."""
    gc.collect()
    gc.freeze()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for a server; pytest keeps closing its own to other accounts."""
    folder = Path(tempfile.mkdtemp(prefix="daybook-tests-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server_home() -> Iterator[Path]:
    """A folder for an embedded server of the test's own, stopped at the end."""
    with temporary_folder() as home:
        yield home
        stop_server(home / "postgres")


@pytest.fixture(scope="module")
def shared_server_home() -> Iterator[Path]:
    """A folder for an embedded server that the tests of a module share."""
    with temporary_folder() as home:
        yield home


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running server: the given one, or an embedded one that forgets at once."""
    given = os.environ.get("DAYBOOK_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with (
        temporary_folder() as folder,
        embedded_server(folder / "postgres", durable=False) as server,
    ):
        yield server.url("postgres")


@pytest.fixture(scope="session")
def template_database(server_url: str) -> Iterator[str]:
    """The name of a migrated database that tests are copied from."""
    name = f"daybook_template_{uuid.uuid4().hex[:12]}"
    with _administer(server_url) as administration:
        _execute(administration, "create database {}", name)
        with connect(sibling_url(server_url, name), application_name="tests") as made:
            migrate(made)
        yield name
        _execute(administration, "drop database {} with (force)", name)


@pytest.fixture
def database(server_url: str, template_database: str) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"daybook_test_{uuid.uuid4().hex[:12]}"
    with _administer(server_url) as administration:
        _execute(
            administration, "create database {} template {}", name, template_database
        )
        yield sibling_url(server_url, name)
        _execute(administration, "drop database {} with (force)", name)


@pytest.fixture
def empty_database(server_url: str) -> Iterator[str]:
    """The URL of a fresh database without any schema of ours."""
    name = f"daybook_test_{uuid.uuid4().hex[:12]}"
    with _administer(server_url) as administration:
        _execute(administration, "create database {}", name)
        yield sibling_url(server_url, name)
        _execute(administration, "drop database {} with (force)", name)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """A connection to `database`."""
    with connect(database, application_name="tests") as opened:
        yield opened


def _administer(url: str) -> psycopg.Connection:
    return connect(url, application_name="tests", autocommit=True)


def _execute(connection: psycopg.Connection, statement: str, *names: str) -> None:
    parts = [sql.Identifier(name) for name in names]
    connection.execute(sql.SQL(statement).format(*parts))
