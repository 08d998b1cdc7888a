"""The registry's history: append-only tables, one version per change."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from orchestration.registry.entries import Registry
from orchestration.registry.problems import Problem, RegistryError
from orchestration.registry.reading import load_registry
from orchestration.registry.transitions import refuse_transitions

_REMOVED = "removed"

_log = logging.getLogger(__name__)


Judge = Callable[[Path], Sequence[Problem]]


class _Stored(NamedTuple):
    version: int
    hash: str
    body: dict | None


@dataclass(frozen=True)
class Refreshed:
    """The version in force after a refresh, and what kept a newer one out."""

    registry_version: int
    problems: tuple[Problem, ...]


def nothing_more(directory: Path) -> Sequence[Problem]:  # noqa: ARG001
    """Judge no more than what the registry itself knows."""
    return ()


def refresh_registry(
    connection: psycopg.Connection, directory: Path, *, judge: Judge = nothing_more
) -> Refreshed:
    """Load and store the registry; a bad one leaves the last good one in force.

    Parameters
    ----------
    judge : callable
        Returns what is wrong with definitions whose words other packages know; asked
        only when something changed.

    Raises
    ------
    RegistryError
        If the registry is bad and there is no good one yet.
    """
    try:
        registry = load_registry(directory)
        _refuse_what_is_judged_bad(connection, registry, judge, directory)
        version = store_registry(connection, registry)
    except RegistryError as error:
        in_force = _newest_version(connection)
        if in_force is None:
            raise
        for problem in error.problems:
            _log.error("%s", problem)
        return Refreshed(in_force, error.problems)
    return Refreshed(version, ())


def store_registry(connection: psycopg.Connection, registry: Registry) -> int:
    """Append what changed since the newest version and return the version it makes.

    Nothing changed: nothing is written and the newest version is returned. Two at
    once: one waits. Runs in a transaction of its own, or in the caller's.

    Raises
    ------
    RegistryError
        If a definition may not change the way it did, such as the arms of a running
        experiment.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('daybook.registry'))")
        newest = connection.execute(
            "select registry_version, hash from registry.versions "
            "order by registry_version desc limit 1"
        ).fetchone()
        if newest is not None and newest[1] == registry.hash:
            return newest[0]
        stored = _stored(connection)
        refused = refuse_transitions(
            registry, {key: each.body for key, each in stored.items() if each.body}
        )
        if refused:
            raise RegistryError(refused)
        return _append(connection, registry, stored)


def _refuse_what_is_judged_bad(
    connection: psycopg.Connection, registry: Registry, judge: Judge, directory: Path
) -> None:
    newest = connection.execute(
        "select hash from registry.versions order by registry_version desc limit 1"
    ).fetchone()
    problems = () if newest == (registry.hash,) else judge(directory)
    if problems:
        raise RegistryError(list(problems))


def _newest_version(connection: psycopg.Connection) -> int | None:
    row = connection.execute("select max(registry_version) from registry.versions")
    return row.fetchone()[0]  # type: ignore[index]


def _stored(connection: psycopg.Connection) -> dict[tuple[str, str], _Stored]:
    """Return the newest version of every definition, removed ones included."""
    rows = connection.execute(
        "select distinct on (kind, id) kind, id, version, hash, body "
        "from registry.definitions order by kind, id, version desc"
    )
    return {(kind, id_): _Stored(*rest) for kind, id_, *rest in rows}


def _append(
    connection: psycopg.Connection,
    registry: Registry,
    stored: dict[tuple[str, str], _Stored],
) -> int:
    row = connection.execute(
        "insert into registry.versions (hash, definition_count) values (%s, %s) "
        "returning registry_version",
        (registry.hash, len(registry.entries)),
    ).fetchone()
    registry_version: int = row[0]  # type: ignore[index]
    versions = _append_definitions(connection, registry, stored, registry_version)
    _append_compiled(connection, registry, versions, registry_version)
    # Its views are joins of these: without statistics fifty experiments took 11 s.
    connection.execute("analyze registry.definitions, registry.compiled")
    return registry_version


def _append_definitions(
    connection: psycopg.Connection,
    registry: Registry,
    stored: dict[tuple[str, str], _Stored],
    registry_version: int,
) -> dict[tuple[str, str], int]:
    """Append what is new, changed or gone; return the version of every definition."""
    nothing = _Stored(0, "", None)
    versions, rows = {}, []
    for entry in registry.entries:
        key = (entry.kind, entry.id)
        before = stored.get(key, nothing)
        is_changed = before.hash != entry.hash
        versions[key] = before.version + is_changed
        if is_changed:
            since = getattr(entry.model, "valid_from", None)
            what = (Jsonb(entry.body), entry.hash, since, entry.document.file)
            rows.append((*key, versions[key], registry_version, *what))
    for key, before in stored.items():
        if key not in versions and before.body is not None:
            gone = (None, _REMOVED, None, "")
            rows.append((*key, before.version + 1, registry_version, *gone))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into registry.definitions (kind, id, version, registry_version, "
            "body, hash, valid_from, file) "
            "values (%s, %s, %s, %s, %s, %s, coalesce(%s, now()), %s)",
            rows,
        )
    return versions


def _append_compiled(
    connection: psycopg.Connection,
    registry: Registry,
    versions: dict[tuple[str, str], int],
    registry_version: int,
) -> None:
    known = {
        (kind, id_, part): (version, hash_)
        for kind, id_, part, version, hash_ in connection.execute(
            "select distinct on (kind, id, part) kind, id, part, version, hash "
            "from registry.compiled order by kind, id, part, registry_version desc"
        )
    }
    rows = []
    for each in registry.compiled:
        version = versions[each.kind, each.id]
        key = (each.kind, each.id, each.part)
        if known.get(key) != (version, each.hash):
            rows.append((*key, version, registry_version, each.sql, each.hash))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into registry.compiled "
            "(kind, id, part, version, registry_version, sql, hash) "
            "values (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
