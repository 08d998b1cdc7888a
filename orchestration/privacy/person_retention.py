"""Rows of single persons that models made: kept as long as their class says.

They outlive the raw events that they were made of: a year of sessions is asked for
when the clicks are long gone. After that only numbers of many persons stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

# What a person did first is known for as long as the person has any row, and what an
# experiment found is counted from its exposures for as long as it is asked for.
KEPT = frozenset({"person_firsts", "retention_units", "experiment_exposures"})
# What stands before the marts is read again where a person's whole history counts.
SCHEMA = "marts"


@dataclass(frozen=True)
class PersonTable:
    """A table of which each row is one person's, by day."""

    schema: str
    name: str
    day: str

    @property
    def relation(self) -> sql.Identifier:
        """Return it for SQL."""
        return sql.Identifier(self.schema, self.name)


def person_tables(manifest: Mapping[str, Any]) -> list[PersonTable]:
    """Return the tables of persons by day: marts, and what is published of models.

    A row is a person's where its key holds a pseudonym.
    """
    found = []
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model" or node["name"] in KEPT:
            continue
        meta, key = node["config"]["meta"], node["config"].get("unique_key") or []
        if "day" not in meta or not any(_is_pseudonym(node, name) for name in key):
            continue
        if node["schema"] == SCHEMA:
            found.append(PersonTable(SCHEMA, node["name"], meta["day"]))
        if published := meta.get("published"):
            name = published.get("name", node["name"])
            found.append(PersonTable("published_data", name, meta["day"]))
    return sorted(found, key=lambda table: (table.schema, table.name))


def purge_person_rows(
    connection: psycopg.Connection, tables: Sequence[PersonTable], *, before: date
) -> dict[str, int]:
    """Delete the rows of every table before a day; return how many of which.

    The caller's transaction waits for a running build, and keeps others waiting.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.truth'))")
    purged = {}
    for table in tables:
        name = f"{table.schema}.{table.name}"
        # A model that no build has made yet has no table.
        known = connection.execute("select to_regclass(%s)", (name,)).fetchone()
        if known and known[0]:
            deleted = connection.execute(
                sql.SQL("delete from {} where {} < {}").format(
                    table.relation, sql.Identifier(table.day), sql.Literal(before)
                )
            )
            purged[name] = deleted.rowcount
    return {name: count for name, count in purged.items() if count}


def _is_pseudonym(node: Mapping[str, Any], name: str) -> bool:
    column = node["columns"].get(name, {})
    meta = column.get("meta") or column.get("config", {}).get("meta", {})
    return meta.get("pii") == "pseudonym"
