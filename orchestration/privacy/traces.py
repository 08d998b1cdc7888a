"""Traces: the search that ends an erasure, through all that we keep, known or not."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.privacy.file_search import FilesSearched, search_files
from orchestration.privacy.landing_erasure import local_landing
from orchestration.privacy.needles import Needles
from orchestration.privacy.warehouse_search import Searched, search_database
from orchestration.settings import Settings
from orchestration.warehouse.connection import connect, sibling_url

# The server's own files, which SQL empties and vacuum and WAL recycling overwrite; and
# the answer key of a made-up world, whose persons nobody is.
_NOT_SEARCHED = ("postgres", "simulation")
DAGSTER_DATABASE = "daybook_dagster"

_OURS = (
    "'raw', 'ops', 'identity', 'segments', 'privacy', "
    "'intermediate', 'marts', 'published_data'"
)


@dataclass(frozen=True)
class Traces:
    """What a search found: rows and files that name the person, by place."""

    hits: dict[str, int]
    warehouse: Searched
    files: FilesSearched
    has_dagster: bool

    def summary(self) -> dict[str, Any]:
        """Return how much was looked at, for the receipt."""
        return {
            "hits": sum(self.hits.values()),
            "relations": self.warehouse.relation_count,
            "columns": self.warehouse.column_count,
            "files": self.files.file_count,
            "damaged files": len(self.files.damaged),
            "dagster searched": self.has_dagster,
            "not searched": [
                "files of the server, until vacuum and the write-ahead log reuse them",
                "backups, until they expire",
            ],
        }


def search_everywhere(
    connection: psycopg.Connection,
    needles: Needles,
    *,
    settings: Settings,
    url: str,
    ignoring: tuple[str, ...] = (),
) -> Traces:
    """Search the warehouse, Dagster's database, and all files that we write or read."""
    warehouse = search_database(connection, needles, ignoring=ignoring)
    hits = dict(warehouse.hits)
    dagster = _search_dagster(settings, url, needles)
    for place, count in (dagster.hits if dagster else {}).items():
        hits[f"{DAGSTER_DATABASE}: {place}"] = count
    landing = local_landing(settings.landing_url)
    roots = [settings.home, *([landing] if landing else [])]
    files = search_files(
        roots, needles, without=[settings.home / name for name in _NOT_SEARCHED]
    )
    for name in files.hits:
        hits[f"file {name}"] = hits.get(f"file {name}", 0) + 1
    return Traces(hits, warehouse, files, dagster is not None)


def sweep_tables(connection: psycopg.Connection) -> None:
    """Vacuum what was deleted, and have the planner forget the values it had seen.

    The connection must be in autocommit. A server of somebody else may not let us
    vacuum its statistics; its own autovacuum does.
    """
    tables = connection.execute(
        f"""
        select tables.schemaname, tables.relname, classes.relkind
        from pg_stat_all_tables as tables
        inner join pg_class as classes on classes.oid = tables.relid
        where
            tables.schemaname in ({_OURS})
            and (
                not classes.relispartition
                or tables.n_dead_tup > 0
                or tables.n_mod_since_analyze > 0
            )
        """  # noqa: S608  constants of ours
    ).fetchall()
    for schema, name, _ in tables:
        connection.execute(
            sql.SQL("vacuum (analyze) {}").format(sql.Identifier(schema, name))
        )
    try:
        # An empty table keeps the statistics of what it held: nothing analyses it.
        for schema, name, _ in tables:
            connection.execute(
                sql.SQL(
                    "delete from pg_catalog.pg_statistic where starelid = {}::regclass "
                    "and not exists (select from {})"
                ).format(sql.Literal(f"{schema}.{name}"), sql.Identifier(schema, name))
            )
        connection.execute("vacuum pg_catalog.pg_statistic")
    except psycopg.errors.InsufficientPrivilege:
        return


def _search_dagster(settings: Settings, url: str, needles: Needles) -> Searched | None:
    dagster_url = settings.dagster_url or sibling_url(url, DAGSTER_DATABASE)
    try:
        opened = connect(dagster_url, application_name="daybook erase")
    except psycopg.OperationalError:
        return None
    with opened as connection:
        return search_database(connection, needles)
