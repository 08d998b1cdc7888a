"""The app database as a source: found, reached, and read in one snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from orchestration.raw.app_history import ExtractError
from orchestration.settings import Settings
from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.failures import why_unreachable

APP_DATABASE = "daybook_app"


@dataclass(frozen=True)
class Snapshot:
    """A read-only view of the source at one instant of its own clock."""

    connection: psycopg.Connection
    taken_at: datetime


def app_database_url(settings: Settings, warehouse_url: str) -> str | None:
    """Return the app database: the given one, or `daybook_app` beside the warehouse."""
    if settings.app_database_url is not None:
        return settings.app_database_url
    with connect(warehouse_url, application_name="daybook extract") as warehouse:
        found = warehouse.execute(
            "select from pg_catalog.pg_database where datname = %s", (APP_DATABASE,)
        ).fetchone()
    return None if found is None else sibling_url(warehouse_url, APP_DATABASE)


@contextmanager
def take_snapshot(
    source_url: str, *, name: str, statement_timeout_seconds: int
) -> Iterator[Snapshot]:
    """Open one read-only snapshot of the source `name`.

    Raises
    ------
    ExtractError
        If the source cannot be reached. Its URL may hold a password and is not said.
    """
    try:
        connection = connect(source_url, application_name="daybook extract")
    except psycopg.OperationalError as error:
        msg = f"the source {name!r} cannot be reached: {why_unreachable(error)}"
        raise ExtractError(msg) from None
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with connection:
        milliseconds = statement_timeout_seconds * 1000
        connection.execute(
            "select set_config('statement_timeout', %s, true), "
            "set_config('datestyle', 'ISO', true), "
            "set_config('client_encoding', 'UTF8', true)",
            (str(milliseconds),),
        )
        # The transaction began before its snapshot: nothing between them is missed.
        row = connection.execute("select now()").fetchone()
        yield Snapshot(connection, row[0])  # type: ignore[index]
