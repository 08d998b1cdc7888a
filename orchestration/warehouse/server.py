"""The warehouse's server, embedded or given: up, migrated, and how to reach it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from orchestration.settings import Settings, read_or_create_secret
from orchestration.warehouse import configuration
from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.embedded import embedded_server, stop_server
from orchestration.warehouse.failures import ServerError, why_unreachable
from orchestration.warehouse.migrations import migrate
from orchestration.warehouse.postmaster import Embedded

log = logging.getLogger(__name__)

DAGSTER_DATABASE = "daybook_dagster"

# The releases of May 2026 close holes that an SQL user can reach.
_SECURE_MINORS = {18: 4, 17: 10, 16: 14, 15: 18}


@contextmanager
def warehouse(settings: Settings, *, keep_running: bool = False) -> Iterator[str]:
    """Yield the URL of the migrated warehouse, its server started if need be.

    Parameters
    ----------
    settings : Settings
        Says whether the server is a given one or the embedded one.
    keep_running : bool
        Leave the embedded server up afterwards.
    """
    if settings.database_url is not None:
        prepare_given(settings.database_url, dagster_url=settings.dagster_url)
        yield settings.database_url
        return
    folder = settings.home / "postgres"
    with embedded_server(folder, keep_running=keep_running) as server:
        prepare_embedded(server)
        yield server.url()


def stop_warehouse(settings: Settings) -> bool:
    """Stop an embedded server that was kept; return whether one was running."""
    return settings.database_url is None and stop_server(settings.home / "postgres")


def prepare_embedded(server: Embedded) -> None:
    """Create the databases and the BI reader, then migrate."""
    with connect(
        server.url("postgres"), application_name="daybook", autocommit=True
    ) as connection:
        _create_databases(connection, configuration.DATABASE, DAGSTER_DATABASE)
    with connect(server.url(), application_name="daybook") as connection:
        migrate(connection)
        set_reader_password(connection, read_or_create_secret(server.password_file))


def prepare_given(url: str, *, dagster_url: str | None) -> None:
    """Check a server that is not ours, create Dagster's database, then migrate."""
    try:
        connection = connect(url, application_name="daybook")
    except psycopg.OperationalError as error:
        msg = (
            "the warehouse of DAYBOOK_DATABASE_URL cannot be reached: "
            f"{why_unreachable(error)}"
        )
        raise ServerError(msg) from error
    with connection:
        for warning in check_version(connection.info.server_version):
            log.warning(warning)
        migrate(connection)
    if dagster_url is None:
        with connect(
            url, application_name="daybook", autocommit=True
        ) as administration:
            _create_databases(administration, DAGSTER_DATABASE)


def check_version(version: int) -> list[str]:
    """Refuse a server that is too old; return what to warn about otherwise.

    >>> check_version(150017)
    ['Postgres 15.17 lacks security fixes; upgrade it to 15.18 or newer']
    """
    major, minor = divmod(version, 10000)
    if major < min(_SECURE_MINORS):
        msg = f"Postgres {major}.{minor} is too old: Daybook needs 15 to 18"
        raise ServerError(msg)
    if major > max(_SECURE_MINORS):
        return [f"Postgres {major} is newer than the versions tested, 15 to 18"]
    secure = _SECURE_MINORS[major]
    if minor < secure:
        return [
            f"Postgres {major}.{minor} lacks security fixes; "
            f"upgrade it to {major}.{secure} or newer"
        ]
    return []


def bi_url(settings: Settings) -> str:
    """Return the URL for BI tools and psql: the reader's, on loopback TCP."""
    reader = configuration.READER
    if settings.database_url is not None:
        parts = urlsplit(settings.database_url)
        port = f":{parts.port}" if parts.port else ""
        netloc = f"{reader}@{parts.hostname or ''}{port}"
        return parts._replace(netloc=netloc).geturl()
    server = Embedded(settings.home / "postgres")
    password = read_or_create_secret(server.password_file)
    port = server.port_file.read_text().strip()
    return f"postgresql://{reader}:{password}@127.0.0.1:{port}/{configuration.DATABASE}"


def set_reader_password(connection: psycopg.Connection, password: str) -> None:
    """Give the BI reader its password, hashed here so that no log can hold it."""
    hashed = connection.pgconn.encrypt_password(
        password.encode(), configuration.READER.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("alter role {} login password {}").format(
            sql.Identifier(configuration.READER), sql.Literal(hashed.decode())
        )
    )


def _create_databases(connection: psycopg.Connection, *names: str) -> None:
    known = {name for (name,) in connection.execute("select datname from pg_database")}
    for name in names:
        if name in known:
            continue
        try:
            connection.execute(
                sql.SQL("create database {}").format(sql.Identifier(name))
            )
        except psycopg.errors.DuplicateDatabase:
            continue
        except psycopg.errors.InsufficientPrivilege as error:
            msg = (
                f"the database {name} is missing and may not be created: create it, "
                "or set DAYBOOK_DAGSTER_URL to another one"
            )
            raise ServerError(msg) from error


__all__ = ["bi_url", "sibling_url", "stop_warehouse", "warehouse"]
