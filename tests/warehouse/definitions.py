"""Definitions put straight into the registry's tables, as its loading would."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import psycopg


def define(
    connection: psycopg.Connection,
    kind: str,
    id_: str,
    body: Mapping[str, object],
    predicates: Sequence[str],
) -> None:
    """Store one definition and its compiled predicates, parts counted from 1."""
    with connection.transaction():
        row = connection.execute(
            "insert into registry.versions (hash, definition_count) "
            "values (%s, 1) returning registry_version",
            (f"{kind}/{id_}",),
        ).fetchone()
        version = int(row[0])
        connection.execute(
            "insert into registry.definitions "
            "(kind, id, version, registry_version, body, hash, valid_from, file) "
            "values (%s, %s, 1, %s, %s, 'h', '2026-01-01', 'f.yml')",
            (kind, id_, version, json.dumps(body)),
        )
        for part, predicate in enumerate(predicates, start=1):
            connection.execute(
                "insert into registry.compiled "
                "(kind, id, part, version, registry_version, sql, hash) "
                "values (%s, %s, %s, 1, %s, %s, %s)",
                (
                    kind,
                    id_,
                    part,
                    version,
                    predicate,
                    hashlib.sha256(predicate.encode()).hexdigest(),
                ),
            )
