"""Executions: every report rendered once per version of the data, and kept in a ledger.

The same key (report, period, parameters, data version) gives the same file; a crash
leaves FAILED, never RUNNING.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb


class Rendered(NamedTuple):
    """One artefact before it is a file."""

    content: bytes
    row_count: int


@dataclass(frozen=True)
class Key:
    """What a report is about, and of which version of the data."""

    report: str
    period_from: date
    period_to: date
    data_version: int
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def parameters_text(self) -> str:
        """Return the parameters as one text, in whatever order they were given."""
        return json.dumps(self.parameters, sort_keys=True)

    def file_name(self, kind: str) -> str:
        """Name the artefact; holds no value that a user typed."""
        span = f"{self.period_from:%Y-%m-%d}"
        if self.period_to != self.period_from:
            span += f"_{self.period_to:%Y-%m-%d}"
        name = f"{self.report}_{span}_v{self.data_version}"
        if self.parameters:
            name += f"_{hashlib.sha256(self.parameters_text.encode()).hexdigest()[:8]}"
        return f"{name}.{kind}"


@dataclass(frozen=True)
class Execution:
    """What an execution left: one path by format, and whether it was there before."""

    execution_id: int
    paths: dict[str, Path]
    is_new: bool


def execute_report(
    connection: psycopg.Connection,
    *,
    key: Key,
    folder: Path,
    render: Callable[[], Mapping[str, Rendered]],
) -> Execution:
    """Render a report once; a second call with its key returns the same files.

    Parameters
    ----------
    connection : psycopg.Connection
        In autocommit: the ledger must tell of an execution that dies.
    render : callable
        Yields an artefact by format; called only if the key is new.
    """
    # Held by the session: gone with it, so that nobody waits for the dead.
    name = key.file_name("lock")
    connection.execute("select pg_advisory_lock(hashtext(%s))", (name,))
    try:
        connection.execute(
            """
            update reports.executions
            set
                state = 'FAILED',
                reason = 'interrupted',
                finished_at = clock_timestamp()
            where
                state = 'RUNNING'
                and (report, period_from, period_to, data_version, parameters)
                = (%s, %s, %s, %s, %s)
            """,
            _values(key),
        )
        known = _completed(connection, key=key, folder=folder)
        return known or _execute(connection, key=key, folder=folder, render=render)
    finally:
        connection.execute("select pg_advisory_unlock(hashtext(%s))", (name,))


def _execute(
    connection: psycopg.Connection,
    *,
    key: Key,
    folder: Path,
    render: Callable[[], Mapping[str, Rendered]],
) -> Execution:
    execution_id = _open(connection, key)
    try:
        artefacts = render()
        paths = {
            kind: _write(folder / key.file_name(kind), artefact.content)
            for kind, artefact in artefacts.items()
        }
    except BaseException as error:
        connection.execute(
            """
            update reports.executions
            set state = 'FAILED', reason = %s, finished_at = clock_timestamp()
            where execution_id = %s
            """,
            (type(error).__name__, execution_id),
        )
        raise
    with connection.transaction():
        for kind, artefact in artefacts.items():
            connection.execute(
                "insert into reports.artefacts values (%s, %s, %s, %s, %s, %s)",
                (
                    execution_id,
                    kind,
                    paths[kind].name,
                    hashlib.sha256(artefact.content).digest(),
                    len(artefact.content),
                    artefact.row_count,
                ),
            )
        connection.execute(
            """
            update reports.executions
            set state = 'COMPLETED', finished_at = clock_timestamp()
            where execution_id = %s
            """,
            (execution_id,),
        )
    return Execution(execution_id, paths, is_new=True)


def _open(connection: psycopg.Connection, key: Key) -> int:
    row = connection.execute(
        """
        insert into reports.executions (
            report, period_from, period_to, data_version, parameters, state
        )
        values (%s, %s, %s, %s, %s, 'RUNNING')
        returning execution_id
        """,
        _values(key),
    ).fetchone()
    return int(row[0]) if row else 0


def _completed(
    connection: psycopg.Connection, *, key: Key, folder: Path
) -> Execution | None:
    """Return the execution of this key, if its files are there and unchanged."""
    rows = connection.execute(
        """
        select executions.execution_id, artefacts.format, artefacts.file_name, sha256
        from reports.executions
        inner join reports.artefacts using (execution_id)
        where
            state = 'COMPLETED'
            and (report, period_from, period_to, data_version, parameters)
            = (%s, %s, %s, %s, %s)
        """,
        _values(key),
    ).fetchall()
    if not rows:
        return None
    paths = {kind: folder / name for _, kind, name, _ in rows}
    if all(_matches(folder / name, sha256) for _, _, name, sha256 in rows):
        return Execution(rows[0][0], paths, is_new=False)
    # Lost or altered on disk: rendered again under a ledger row of its own.
    connection.execute(
        """
        update reports.executions set state = 'FAILED', reason = 'artefact lost'
        where execution_id = %s
        """,
        (rows[0][0],),
    )
    return None


def _matches(path: Path, sha256: bytes) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).digest() == sha256


def _write(path: Path, content: bytes) -> Path:
    """Write for the owner alone; a half file never has the final name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    return path


def _values(key: Key) -> tuple[str, date, date, int, Jsonb]:
    return (
        key.report,
        key.period_from,
        key.period_to,
        key.data_version,
        Jsonb(dict(key.parameters)),
    )
