"""Writes the app database: creates it once, then brings it to how things stand.

Rows that changed are updated with their change stamp, rows that are gone are deleted,
so a later day of the same world looks like an operational system a day later.
"""

from importlib import resources
from typing import NamedTuple

import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestration.simulation.app_tables import app_tables
from orchestration.simulation.days import Planner

KEYS = {
    "campaigns": ("code",),
    "campaign_spend": ("campaign_code", "spent_on"),
    "fx_rates": ("currency", "quoted_in", "valid_on"),
    "article_versions": ("article_id", "version"),
}


class Names(NamedTuple):
    """The names that statements about one table need."""

    table: sql.Identifier
    arriving: sql.Identifier
    columns: list[str]
    keys: tuple[str, ...]


def write_app(planner: Planner, url: str) -> dict[str, int]:
    """Bring the app database to the end of the planned world; return rows per table."""
    tables = app_tables(planner)
    _create_database(url)
    with psycopg.connect(url) as connection:
        exists = connection.execute("select to_regclass('public.users')").fetchone()
        if exists == (None,):
            schema = resources.files("orchestration.simulation") / "app_schema.sql"
            connection.execute(schema.read_bytes())
        connection.execute("set constraints all deferred")
        names = {name: _arrive(connection, name, tables[name]) for name in tables}
        for name in reversed(tables):
            _delete_gone(connection, names[name])
        for name in tables:
            _upsert(connection, names[name])
    return {name: len(frame) for name, frame in tables.items()}


def _create_database(url: str) -> None:
    """Create the database of `url` unless it is there."""
    parts = conninfo_to_dict(url)
    name = str(parts["dbname"])
    maintenance = make_conninfo(url, dbname="postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        found = connection.execute(
            "select 1 from pg_database where datname = %s", [name]
        ).fetchone()
        if found is None:
            connection.execute(
                sql.SQL("create database {}").format(sql.Identifier(name))
            )


def _arrive(connection: psycopg.Connection, name: str, frame: pl.DataFrame) -> Names:
    """Copy the rows of a table into a temporary one."""
    names = Names(
        table=sql.Identifier(name),
        arriving=sql.Identifier(f"arriving_{name}"),
        columns=frame.columns,
        keys=KEYS.get(name, ("id",)),
    )
    connection.execute(
        sql.SQL("create temp table {} (like {}) on commit drop").format(
            names.arriving, names.table
        )
    )
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        names.arriving, _list(names.columns)
    )
    text = frame.write_csv(
        include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ"
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(text)
    return names


def _delete_gone(connection: psycopg.Connection, names: Names) -> None:
    same = sql.SQL(" and ").join(
        sql.SQL("there.{key} = here.{key}").format(key=sql.Identifier(key))
        for key in names.keys
    )
    connection.execute(
        sql.SQL(
            "delete from {} as here where not exists (select from {} as there where {})"
        ).format(names.table, names.arriving, same)
    )


def _upsert(connection: psycopg.Connection, names: Names) -> None:
    settings = sql.SQL(", ").join(
        sql.SQL("{column} = excluded.{column}").format(column=sql.Identifier(column))
        for column in names.columns
    )
    connection.execute(
        sql.SQL(
            "insert into {table} as here ({columns}) select {columns} from {arriving} "
            "on conflict ({keys}) do update set {settings} "
            "where here.* is distinct from excluded.*"
        ).format(
            table=names.table,
            columns=_list(names.columns),
            arriving=names.arriving,
            keys=_list(names.keys),
            settings=settings,
        )
    )


def _list(columns: list[str] | tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)
