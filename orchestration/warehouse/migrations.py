"""Migrations of the schemas that dbt does not own: numbered SQL, forward only."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent / "migrations"

_NAME = re.compile(r"^(?P<number>\d{4})_[a-z0-9_]+\.sql$")

_LEDGER = """
    create table ops.migrations (
        number integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default clock_timestamp()
    )
"""


class SchemaError(RuntimeError):
    """The schema and the code do not belong together, and what to do about it."""


@dataclass(frozen=True)
class Migration:
    """One numbered file and the checksum that pins it once it was applied."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return the hash of the content."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations of `folder` in order, refusing names out of order."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            msg = f"{path.name}: a migration is named 0001_what_it_makes.sql"
            raise SchemaError(msg)
        found.append(Migration(int(match["number"]), path.name, path.read_text()))
    numbers = [migration.number for migration in found]
    if len(set(numbers)) != len(numbers):
        msg = f"two migrations share a number: {[item.name for item in found]}"
        raise SchemaError(msg)
    return found


def migrate(connection: psycopg.Connection, *, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing, one transaction each, and return the names applied.

    Two commands that start together queue on an advisory lock; the second finds
    nothing left to do. Refuses a schema that is newer than this code, or that was
    made by a migration whose text has changed since.
    """
    migrations = read_migrations(folder)
    applied = []
    while True:
        with connection.transaction():
            _lock(connection)
            name = _apply_next(connection, migrations)
        if name is None:
            return applied
        applied.append(name)


def check_schema(connection: psycopg.Connection, *, folder: Path = FOLDER) -> None:
    """Refuse a schema that is newer than, older than or other than this code."""
    migrations = read_migrations(folder)
    with connection.transaction():
        pending = _pending(migrations, _applied(connection))
    if pending:
        msg = (
            f"the warehouse lacks {pending[0].name}; "
            "run any daybook command of this version to migrate it"
        )
        raise SchemaError(msg)


def _lock(connection: psycopg.Connection) -> None:
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.migrations'))")


def _apply_next(
    connection: psycopg.Connection, migrations: list[Migration]
) -> str | None:
    applied = _applied(connection)
    pending = _pending(migrations, applied)
    if not pending:
        return None
    migration = pending[0]
    try:
        connection.execute(migration.sql.encode())
    except psycopg.Error as error:
        msg = f"migration {migration.name} failed: {error}"
        raise SchemaError(msg) from error
    if not applied:
        # The first migration makes the schema that the ledger lives in.
        connection.execute(_LEDGER.encode())
    connection.execute(
        "insert into ops.migrations (number, name, checksum) values (%s, %s, %s)",
        (migration.number, migration.name, migration.checksum),
    )
    return migration.name


def _applied(connection: psycopg.Connection) -> dict[int, tuple[str, str]]:
    known = connection.execute("select to_regclass('ops.migrations')").fetchone()
    if known == (None,):
        return {}
    rows = connection.execute("select number, name, checksum from ops.migrations")
    return {number: (name, checksum) for number, name, checksum in rows}


def _pending(
    migrations: list[Migration], applied: dict[int, tuple[str, str]]
) -> list[Migration]:
    by_number = {migration.number: migration for migration in migrations}
    for number, (name, checksum) in sorted(applied.items()):
        if number not in by_number:
            msg = (
                f"the warehouse is newer than this code: it has {name}, which this "
                "version does not know. Use the version that migrated it, or newer"
            )
            raise SchemaError(msg)
        if by_number[number].checksum != checksum:
            msg = (
                f"migration {name} was edited after it had been applied to this "
                "warehouse. Restore its text and put the change into a new migration"
            )
            raise SchemaError(msg)
    return [item for item in migrations if item.number not in applied]
