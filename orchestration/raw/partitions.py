"""The partitions of raw.events: one day of the reporting timezone each."""

import re
from collections.abc import Iterable
from datetime import date, timedelta

import psycopg
from psycopg import sql

from orchestration.warehouse.connection import connect

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
    """Create the partitions of `days` that are missing, in a transaction of its own.

    `create table … partition of` would lock out every reader and writer of raw.events;
    a table made first and attached then does not. The lock makes racing loads take
    turns, and the table is empty, so attaching has nothing to scan.
    """
    wanted = set(days)
    with connect(url, application_name="daybook partitions") as connection:
        connection.execute(
            "select pg_advisory_xact_lock(hashtext('daybook.partitions'))"
        )
        for day in sorted(wanted - partition_days(connection)):
            table = sql.Identifier("raw", partition_name(day))
            connection.execute(
                sql.SQL("create table {table} (like raw.events including all)").format(
                    table=table
                )
            )
            connection.execute(
                sql.SQL(
                    "alter table raw.events attach partition {table}"
                    " for values from ({first}) to ({following})"
                ).format(
                    table=table,
                    first=sql.Literal(day.isoformat()),
                    following=sql.Literal((day + timedelta(days=1)).isoformat()),
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
