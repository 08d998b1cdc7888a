"""Definition hashes: what a model is, as one value that changes when its meaning does.

A hash covers the SQL as written, the project's own macros it uses, the settings that
shape its table, its upstream hashes, and what the registry and the identity rules say
where it reads them. A changed hash has the model built from nothing, with everything
below it, since each of those has its parents' hashes in its own.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.identity.rules import definition_hash, rules_hash

Manifest = Mapping[str, Any]

# Settings that change a table; owners, tags and descriptions do not.
_SETTINGS = (
    "materialized",
    "incremental_strategy",
    "unique_key",
    "indexes",
    "on_schema_change",
    "pre-hook",
    "post-hook",
)
_META = (
    "rebuild",
    "parents",
    "parts",
    "spread",
    "day",
    "purpose",
    "logs",
    "spread_after",
    "scope",
    "range",
    "unit",
    "also_days",
    "of_funnel",
)


@dataclass(frozen=True)
class Definition:
    """What a model is now: its own hash, that of all it rests on, and its parents."""

    model: str
    own_hash: str
    hash: str
    parents: tuple[str, ...]


def identity_definition(own_hash: str) -> Definition:
    """Return what identity is: no dbt model, but built from nothing like one."""
    return Definition(IDENTITY, own_hash=own_hash, hash=own_hash, parents=())


IDENTITY = "identity.device_owners"
# Before the id of a funnel: what is made of it, which is no model either.
FUNNEL = "funnel "


def model_definitions(
    manifest: Manifest, *, source_hashes: Mapping[str, str]
) -> dict[str, Definition]:
    """Return the definition of identity and every enabled model and seed, by name.

    Parameters
    ----------
    source_hashes : mapping of str to str
        Content hashes of sources by `schema.table`; a source without one counts as
        data, whose changes are touched days.
    """
    nodes: dict[str, Mapping[str, Any]] = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed"}
    }
    known: dict[str, Definition] = {}
    for key in _parents_first(nodes):
        known[key] = _definition(nodes[key], manifest, known, source_hashes)
    rules = source_hashes.get(IDENTITY, definition_hash({}))
    definitions = [identity_definition(rules), *known.values()]
    return {definition.model: definition for definition in definitions}


def source_hashes(connection: psycopg.Connection, manifest: Manifest) -> dict[str, str]:
    """Hash the registry tables and identity rules that the models read."""
    rules = rules_hash(connection)
    hashes = {IDENTITY: rules}
    for source in manifest["sources"].values():
        name = f"{source['schema']}.{source['identifier']}"
        if source["schema"] == "identity":
            hashes[name] = rules
        elif source["schema"] == "registry" and not _is_per_funnel(name):
            hashes[name] = _content_hash(
                connection, source["schema"], source["identifier"]
            )
    return hashes


def _is_per_funnel(source: str) -> bool:
    # Each funnel has a definition of its own.
    return source.startswith("registry.funnel_")


def changed_models(
    connection: psycopg.Connection, definitions: Mapping[str, Definition]
) -> dict[str, str]:
    """Return the models whose definition is not the one last built, each with why."""
    built = {
        model: (own_hash, whole_hash)
        for model, own_hash, whole_hash in connection.execute(
            "select model, own_hash, definition_hash from ops.models"
        )
    }
    # Somebody may have changed a definition, and changed it back when its build failed.
    unsettled = {
        model
        for (model,) in connection.execute(
            "select unnest(refreshed_models) from ops.builds where build_id > "
            "coalesce((select max(build_id) from ops.models), 0)"
        )
    }
    changed: dict[str, str] = {}
    for model, definition in definitions.items():
        if model not in built:
            changed[model] = "new"
        elif built[model][0] != definition.own_hash:
            changed[model] = "its definition changed"
        elif built[model][1] != definition.hash:
            above = [name for name in definition.parents if name in changed]
            changed[model] = f"above it changed: {', '.join(above)}"
        elif model in unsettled:
            changed[model] = "a build that did not succeed made it otherwise"
    for model in sorted(built.keys() - definitions.keys()):
        if model.startswith(FUNNEL):
            changed[model] = "it is gone"
    return changed


def record_models(
    connection: psycopg.Connection,
    definitions: Mapping[str, Definition],
    *,
    build_id: int,
) -> None:
    """Record what a succeeded build made, replacing what was known before."""
    connection.execute("delete from ops.models")
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.models (model, own_hash, definition_hash, build_id)
            values (%s, %s, %s, %s)
            """,
            [
                (item.model, item.own_hash, item.hash, build_id)
                for item in definitions.values()
            ],
        )


def _definition(
    node: Mapping[str, Any],
    manifest: Manifest,
    known: Mapping[str, Definition],
    source_hashes: Mapping[str, str],
) -> Definition:
    code = node.get("raw_code") or node.get("checksum", {}).get("checksum")
    macros = [
        manifest["macros"][macro]["macro_sql"]
        for macro in sorted(_macros(node, manifest))
    ]
    # A macro that runs a query reads a table without declaring it, so names count too.
    text = "\n".join([str(code), *macros])
    declared = set(_sources(node, manifest))
    sources = {
        name: content
        for name, content in sorted(source_hashes.items())
        if name in declared or _says(text, name)
    }
    own_hash = hash_of(
        {
            "code": code,
            "macros": macros,
            "settings": {key: node["config"].get(key) for key in _SETTINGS},
            "meta": {key: node["config"].get("meta", {}).get(key) for key in _META},
            "columns": _contract(node),
            "sources": sources,
        }
    )
    parents = [known[key] for key in node["depends_on"]["nodes"] if key in known]
    parents.sort(key=lambda parent: parent.model)
    return Definition(
        model=node["name"],
        own_hash=own_hash,
        hash=hash_of([own_hash, [parent.hash for parent in parents]]),
        parents=tuple(parent.model for parent in parents),
    )


def _says(text: str, name: str) -> bool:
    # To look for it as it stands costs a hundredth of looking for the word.
    return name in text and bool(re.search(rf"\b{re.escape(name)}\b", text))


def _contract(node: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    return [
        (name, column.get("data_type"))
        for name, column in node.get("columns", {}).items()
    ]


def _sources(node: Mapping[str, Any], manifest: Manifest) -> Iterator[str]:
    for key in node["depends_on"].get("nodes", []):
        source = manifest["sources"].get(key)
        if source is not None:
            yield f"{source['schema']}.{source['identifier']}"


def _macros(node: Mapping[str, Any], manifest: Manifest) -> set[str]:
    """Return the project's own macros that the node rests on."""
    package = node["package_name"]
    settings = node["config"]
    # These are called by dbt, not by the model, so no reference leads to them.
    waiting = [
        *node["depends_on"].get("macros", []),
        f"macro.{package}.get_incremental_{settings.get('incremental_strategy')}_sql",
        f"macro.{package}.materialization_{settings.get('materialized')}_postgres",
        f"macro.{package}.materialization_{settings.get('materialized')}_default",
    ]
    found: set[str] = set()
    while waiting:
        key = waiting.pop()
        macro = manifest["macros"].get(key)
        if macro is None or macro["package_name"] != package or key in found:
            continue
        found.add(key)
        waiting.extend(macro["depends_on"]["macros"])
    return found


def _parents_first(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    ordered: dict[str, None] = {}

    def visit(key: str) -> None:
        if key in ordered:
            return
        for parent in nodes[key].get("depends_on", {}).get("nodes", []):
            if parent in nodes:
                visit(parent)
        ordered[key] = None

    for key in sorted(nodes):
        visit(key)
    return list(ordered)


def _content_hash(connection: psycopg.Connection, schema: str, table: str) -> str:
    known = connection.execute(
        "select to_regclass(%s)", (f"{schema}.{table}",)
    ).fetchone()
    if known is None or known[0] is None:
        return "absent"
    row = connection.execute(
        sql.SQL(
            "select md5(coalesce(string_agg("
            "listed::text, chr(10) order by listed::text collate \"C\"), '')) "
            "from {} as listed"
        ).format(sql.Identifier(schema, table))
    ).fetchone()
    return str(row[0]) if row else "absent"


def hash_of(value: object) -> str:
    """Return one text that differs where the value does."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
