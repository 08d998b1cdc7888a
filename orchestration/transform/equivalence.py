"""Equivalence: what readers see equals what builds left."""

from collections.abc import Sequence
from datetime import date

import psycopg
from psycopg import sql

from orchestration.quality.published_tables import PublishedTable
from orchestration.transform.extents import day_literals
from orchestration.warehouse.digest import digest_table


def unpublished_tables(
    connection: psycopg.Connection,
    tables: Sequence[PublishedTable],
    *,
    days: Sequence[date] | None = None,
) -> list[str]:
    """Return the tables of which readers see other rows than the mart has.

    Parameters
    ----------
    days : sequence of date, optional
        Look at rows of these days only; tables without a day are left out then.
    """
    if days is not None:
        tables = [table for table in tables if table.day is not None]
    with connection.transaction():
        return [table.name for table in tables if _differs(connection, table, days)]


def _differs(
    connection: psycopg.Connection,
    table: PublishedTable,
    days: Sequence[date] | None,
) -> bool:
    condition: sql.Composable = sql.SQL("true")
    if days is not None and table.day is not None:
        condition = sql.SQL("{} in ({})").format(
            sql.Identifier(table.day), day_literals(days)
        )
    names = (f"{table.schema}.{table.made_name}", f"published_data.{table.name}")
    made, seen = (digest_table(connection, name, where=condition) for name in names)
    return made != seen
