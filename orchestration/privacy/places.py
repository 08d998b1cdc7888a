"""Places: every relation that may hold something of a person, and what is done there.

Generated from `places.yml` for what we own and from the models' YAML for what dbt
makes. The closing search of an erasure does not ask this registry: it looks everywhere,
and so finds a place that was forgotten here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
import yaml

Held = Literal["none", "pseudonym", "possible"]

# Rebuilt from raw, or replaced by difference, after raw has changed.
_MADE_BY_DBT = ("staging", "intermediate", "marts")
_PUBLISHED = "published_data"


@dataclass(frozen=True)
class Place:
    """A relation, what its columns hold, and what an erasure does there."""

    name: str
    columns: Mapping[str, Held]
    delete: tuple[str, ...] = ()
    rename: tuple[str, ...] = ()

    @property
    def is_personal(self) -> bool:
        """Whether anything of a person can be in it."""
        return any(held != "none" for held in self.columns.values())


def read_places(manifest: Mapping[str, Any] | None = None) -> dict[str, Place]:
    """Return the places that we own, and with a manifest those that dbt makes."""
    text = Path(__file__).with_name("places.yml").read_text()
    places = {
        name: Place(
            name=name,
            columns=said["columns"],
            delete=tuple(said.get("delete", ())),
            rename=tuple(said.get("rename", ())),
        )
        for name, said in yaml.safe_load(text).items()
    }
    for node in (manifest or {"nodes": {}})["nodes"].values():
        if node["resource_type"] != "model":
            continue
        columns = {
            name: column["meta"].get("pii") or column["config"]["meta"]["pii"]
            for name, column in node["columns"].items()
        }
        names = [f"{node['schema']}.{node['name']}"]
        published = node["config"].get("meta", {}).get("published")
        if published:
            names.append(f"{_PUBLISHED}.{published.get('name', node['name'])}")
        for name in names:
            places[name] = Place(name=name, columns=columns)
    return places


def unclassified_columns(
    connection: psycopg.Connection, places: Mapping[str, Place]
) -> list[str]:
    """Return the columns of raw, identity, segments and marts that no place knows."""
    rows = connection.execute(
        """
        select schemas.nspname || '.' || tables.relname, columns.attname
        from pg_class as tables
        inner join pg_namespace as schemas on tables.relnamespace = schemas.oid
        inner join pg_attribute as columns on columns.attrelid = tables.oid
        where
            schemas.nspname = any(%s)
            and tables.relkind in ('r', 'p', 'v', 'm')
            and not tables.relispartition
            and columns.attnum > 0
            and not columns.attisdropped
        order by 1, columns.attnum
        """,
        (["raw", "identity", "segments", _PUBLISHED, *_MADE_BY_DBT],),
    )
    return [
        f"{table}.{column}"
        for table, column in rows
        if table not in places or column not in places[table].columns
    ]
