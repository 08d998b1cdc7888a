"""The partitions of raw.events: one day of the reporting timezone each."""

import re
from collections.abc import Iterable
from datetime import date, timedelta

import psycopg
from psycopg import sql

from orchestration.warehouse.connection import connect

# Ten years at once would ask for more locks than a server has.
_DAYS_AT_ONCE = 50

_NAME = re.compile(r"^events_(\d{4})(\d{2})(\d{2})$")


def partition_name(day: date) -> str:
    """Return the name of the table in schema raw that holds a day."""
    return f"events_{day.isoformat().replace('-', '')}"


def partition_days(connection: psycopg.Connection) -> set[date]:
    """Return the days that have a partition."""
    names = connection.execute(
        """
        select tables.relname
        from pg_inherits as children
        inner join pg_class as tables on children.inhrelid = tables.oid
        where
            children.inhparent = 'raw.events'::regclass
            and not children.inhdetachpending
        """
    )
    matches = (_NAME.match(name) for (name,) in names)
    return {date(*map(int, match.groups())) for match in matches if match}


def create_partitions(url: str, days: Iterable[date]) -> None:
    """Create the partitions of `days` that are missing, in transactions of its own.

    `create table … partition of` would lock out every reader and writer of raw.events;
    a table made first and attached then does not. The lock makes racing loads take
    turns, and the table is empty, so attaching has nothing to scan.
    """
    wanted = sorted(set(days))
    with connect(url, application_name="daybook partitions") as connection:
        for start in range(0, len(wanted), _DAYS_AT_ONCE):
            _create(connection, wanted[start : start + _DAYS_AT_ONCE])
            connection.commit()


def _create(connection: psycopg.Connection, days: Iterable[date]) -> None:
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.partitions'))")
    existing = partition_days(connection)
    for day in days:
        if day in existing:
            continue
        table = sql.Identifier("raw", partition_name(day))
        create = sql.SQL("create table {} (like raw.events including all)")
        connection.execute(create.format(table))
        attach = sql.SQL(
            "alter table raw.events attach partition {} for values from ({}) to ({})"
        )
        following = day + timedelta(days=1)
        connection.execute(
            attach.format(
                table, sql.Literal(day.isoformat()), sql.Literal(following.isoformat())
            )
        )


class Partitions:
    """The partitions a load may rely on, created as its rows ask for them."""

    def __init__(self, url: str, connection: psycopg.Connection) -> None:
        self._url = url
        self._days = partition_days(connection)

    def ensure(self, days: set[date]) -> None:
        """Return once every day of `days` has a partition."""
        missing = days - self._days
        if missing:
            create_partitions(self._url, missing)
            self._days |= missing
