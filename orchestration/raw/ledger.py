"""The ledger: one row per load, and what it counted."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class FileLoad:
    """A file about to be loaded: what the ledger says of its content."""

    file_name: str
    sha256: bytes
    size_bytes: int
    format: str | None = None
    registry_version: int | None = None


class FileSeen(NamedTuple):
    """A name under which a content was found, as the landing store reports it."""

    uri: str
    size_bytes: int
    modified_at: datetime
    etag: str = ""


@dataclass
class Counts:
    """The outcomes of the records of one load, named as in ops.loads."""

    record_count: int = 0
    blank_count: int = 0
    accepted_count: int = 0
    accepted_with_violation_count: int = 0
    duplicate_count: int = 0
    conflict_count: int = 0
    quarantined_count: int = 0
    not_consented_count: int = 0
    waiting_for_consent_count: int = 0
    suppressed_count: int = 0
    released_count: int = 0
    replaced_count: int = 0
    removed_count: int = 0

    def add(self, other: "Counts") -> None:
        """Add the outcomes of another load to these."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


def open_file_loads(
    connection: psycopg.Connection, source: str, files: Iterable[FileLoad]
) -> dict[bytes, int]:
    """Insert a ledger row per content and return the load ids by SHA-256.

    Contents that another load has taken, before or in a race, are left out: the
    unique index decides, inside the caller's transaction.
    """
    entries = [
        {
            "file_name": file.file_name,
            "sha256": file.sha256.hex(),
            "size_bytes": file.size_bytes,
            "format": file.format,
            "registry_version": file.registry_version,
        }
        for file in files
    ]
    rows = connection.execute(
        """
        insert into ops.loads (
            kind, source, file_name, sha256, size_bytes, format, registry_version,
            started_at
        )
        select
            'file', %s, entry.file_name, decode(entry.sha256, 'hex'),
            entry.size_bytes, entry.format, entry.registry_version, now()
        from jsonb_to_recordset(%s::jsonb) as entry (
            file_name text, sha256 text, size_bytes bigint, format text,
            registry_version bigint
        )
        on conflict (source, sha256) where kind = 'file' do nothing
        returning sha256, load_id
        """,
        (source, json.dumps(entries)),
    ).fetchall()
    return {bytes(sha256): load_id for sha256, load_id in rows}


def record_files(
    connection: psycopg.Connection,
    source: str,
    files: Iterable[FileSeen],
    *,
    sha256: bytes,
    load_id: int,
) -> None:
    """Remember names of a content that is loaded, so that they are skipped unread.

    The name of the ledger row itself is `loaded`, also when only its time changed;
    every other name of the content is an `alias`.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.files (
                source, uri, size_bytes, modified_at, etag, sha256, load_id, status
            )
            select
                %(source)s, %(uri)s, %(size_bytes)s, %(modified_at)s, %(etag)s,
                %(sha256)s, load_id,
                case when file_name = %(uri)s then 'loaded' else 'alias' end
            from ops.loads
            where load_id = %(load_id)s
            on conflict (source, uri, size_bytes, modified_at, etag) do nothing
            """,
            [
                {
                    **file._asdict(),
                    "source": source,
                    "sha256": sha256,
                    "load_id": load_id,
                }
                for file in files
            ],
        )


def record_refused(
    connection: psycopg.Connection,
    source: str,
    file: FileSeen,
    *,
    sha256: bytes,
    reason: str,
) -> None:
    """Remember a file that is not loaded, so that it is not tried until it changes."""
    connection.execute(
        """
        insert into ops.files (
            source, uri, size_bytes, modified_at, etag, sha256, status, reason
        )
        values (%s, %s, %s, %s, %s, %s, 'refused', %s)
        on conflict (source, uri, size_bytes, modified_at, etag) do nothing
        """,
        (source, *file, sha256, reason),
    )


def open_load(
    connection: psycopg.Connection,
    kind: str,
    *,
    source: str,
    reason: str | None = None,
    file_name: str | None = None,
) -> int:
    """Insert a ledger row that is not a file: a replay, a purge and so on."""
    [(load_id,)] = connection.execute(
        """
        insert into ops.loads (kind, source, file_name, reason, started_at)
        values (%s, %s, %s, %s, now())
        returning load_id
        """,
        (kind, source, file_name, reason),
    ).fetchall()
    return load_id


def close_loads(connection: psycopg.Connection, counts: Mapping[int, Counts]) -> None:
    """Write the counts of loads opened in this transaction."""
    names = list(asdict(Counts()))
    statement = sql.SQL(
        """
        update ops.loads as loads
        set loaded_at = clock_timestamp(), {assignments}
        from jsonb_to_recordset(%s::jsonb) as counted (load_id bigint, {columns})
        where loads.load_id = counted.load_id
        """
    ).format(
        assignments=sql.SQL(", ").join(
            sql.SQL("{0} = counted.{0}").format(sql.Identifier(name)) for name in names
        ),
        columns=sql.SQL(", ").join(
            sql.SQL("{} bigint").format(sql.Identifier(name)) for name in names
        ),
    )
    entries = [{"load_id": key, **asdict(value)} for key, value in counts.items()]
    connection.execute(statement, (json.dumps(entries),))
