"""Extraction of one canonical table: by change, whole, or by its keys alone."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from orchestration.raw.app_copying import Hide, copy_rows
from orchestration.raw.app_history import (
    Moment,
    Written,
    check_incoming,
    find_removed,
    find_versions,
    note_touched_days,
    prepare_incoming,
    write_versions,
)
from orchestration.raw.app_mapping import Reading
from orchestration.raw.app_snapshot import Snapshot
from orchestration.raw.app_state import Progress
from orchestration.raw.app_tables import CHANGED_AT
from orchestration.registry.entries import content_hash


@dataclass
class TableReport:
    """What an extract read of one table, and what it wrote.

    Attributes
    ----------
    read : int
        Rows that crossed from the source, the overlap included.
    opened, closed, removed : int
        Versions begun; ended by a newer one; ended because the row is gone.
    """

    read: int = 0
    opened: int = 0
    closed: int = 0
    removed: int = 0
    was_read_whole: bool = False
    was_swept: bool = False


@dataclass(frozen=True)
class Erased:
    """Rows that are not kept: those of erased persons, under their replacements."""

    columns: tuple[str, ...]
    replacement_ids: list[str]


@dataclass
class TableExtract:
    """The extraction of one table inside the two open transactions."""

    warehouse: psycopg.Connection
    snapshot: Snapshot
    reading: Reading
    moment: Moment
    hides: dict[str, Hide]
    erased: Erased | None = None
    report: TableReport = field(default_factory=TableReport)

    def run(
        self, known: Progress | None, *, overlap: timedelta, sweep_every: timedelta
    ) -> Progress:
        """Extract what changed since `known`; return how far the table is now."""
        hash_ = content_hash(self.reading.mapping.model_dump(mode="json"))
        now = self.snapshot.taken_at
        same_mapping = known is not None and known.mapping_hash == hash_
        if known is None or not same_mapping or not self.reading.has_changed_at:
            return Progress(hash_, self._read_whole(), now)
        deletes = self.reading.mapping.deletes
        is_due = deletes != "never" and now >= known.swept_at + sweep_every
        if is_due and deletes == "reread":
            return Progress(hash_, self._read_whole(), now)
        through = self._read_since(known.extracted_through, overlap)
        if is_due:
            self._sweep()
        return Progress(hash_, through, now if is_due else known.swept_at)

    def _read_whole(self) -> datetime | None:
        self.report.was_read_whole = True
        newest = self._read(sql.SQL("true"))
        # Where rows are never deleted, one that is not there was archived by the app.
        closes = self.reading.mapping.deletes != "never"
        self._write(find_versions(self.warehouse, self.reading.table, whole=closes))
        return newest

    def _read_since(
        self, through: datetime | None, overlap: timedelta
    ) -> datetime | None:
        """Read what is stamped after `through` less the overlap, and what is not."""
        condition: sql.Composable = sql.SQL("true")
        if through is not None:
            # A source that was restored has a clock that went back.
            since = min(through, self.snapshot.taken_at) - overlap
            condition = sql.SQL(
                "(source.{0} >= {1}::timestamptz or source.{0} is null)"
            ).format(sql.Identifier(CHANGED_AT), sql.Literal(since.isoformat()))
        newest = self._read(condition)
        self._write(find_versions(self.warehouse, self.reading.table, whole=False))
        return max(filter(None, (through, newest)), default=None)

    def _sweep(self) -> None:
        """Compare all keys: close what is gone, read all if a row was never seen.

        A row is never seen by its stamp when its transaction outlived the overlap, or
        when it was put back with the stamp it once had.
        """
        self.report.was_swept = True
        table = self.reading.table
        present = sql.Identifier("pg_temp", "present")
        key = sql.Identifier(table.key)
        names = [table.key]
        if self.erased:
            names += [name for name in self.erased.columns if name != table.key]
        columns = [sql.Identifier(name) for name in names]
        self._execute("drop table if exists pg_temp.present")
        self._execute(
            "create temp table present ({}) on commit drop",
            sql.SQL(", ").join(sql.SQL("{} text").format(name) for name in columns),
        )
        query = sql.SQL("select {} from {}").format(
            sql.SQL(", ").join(
                sql.SQL("source.{}::text").format(name) for name in columns
            ),
            self.reading.source_sql(),
        )
        hidden = {
            position: self.hides[name]
            for position, name in enumerate(names)
            if self.erased and name in self.erased.columns and name in self.hides
        }
        self._copy(query, present, hidden=hidden)
        self._drop_erased("pg_temp.present")
        self._write(find_removed(self.warehouse, table, present=present))
        unseen = self.warehouse.execute(
            sql.SQL(
                "select exists (select from {present} as present where not exists ("
                "select from {relation} as stored "
                "where stored.{key} = present.{key} and stored.valid_to is null))"
            ).format(present=present, relation=table.relation, key=key)
        ).fetchone()
        if unseen == (True,):
            self._read_whole()

    def _read(self, condition: sql.Composable) -> datetime | None:
        """Copy the rows for which `condition` holds to `pg_temp.incoming`.

        Returns the newest change stamp among them, but none beyond the snapshot.
        """
        prepare_incoming(self.warehouse, self.reading)
        query = sql.SQL("select {} from {} where {}").format(
            self.reading.columns_sql(), self.reading.source_sql(), condition
        )
        columns = sql.SQL(", ").join(map(sql.Identifier, self.reading.columns))
        into = sql.SQL("pg_temp.incoming ({})").format(columns)
        hidden = {
            self.reading.columns.index(name): hide for name, hide in self.hides.items()
        }
        self._copy(query, into, hidden=hidden)
        self._drop_erased("pg_temp.incoming")
        # Nothing analyses a temporary table by itself; the joins depend on its size.
        self._execute("analyze pg_temp.incoming")
        self.report.read += check_incoming(self.warehouse, self.reading)
        row = self.warehouse.execute(
            "select least(max(changed_at), %s::timestamptz), count(changed_at) "
            "from pg_temp.incoming",
            (self.snapshot.taken_at,),
        ).fetchone()
        return row[0] if row and row[1] else None

    def _drop_erased(self, table: LiteralString) -> None:
        """Forget what was read of erased persons, who have their replacements' ids."""
        for name in self.erased.columns if self.erased else ():
            self.warehouse.execute(
                sql.SQL("delete from {} where {}::text = any(%s)").format(
                    sql.SQL(table), sql.Identifier(name)
                ),
                (self.erased.replacement_ids if self.erased else [],),
            )

    def _copy(
        self, query: sql.Composable, into: sql.Composable, *, hidden: dict[int, Hide]
    ) -> None:
        source, warehouse = self.snapshot.connection, self.warehouse
        copy_rows(source, warehouse, query=query, into=into, hidden=hidden)

    def _write(self, written: Written) -> None:
        self.report.opened += written.opened
        self.report.closed += written.closed
        self.report.removed += written.removed
        if written.opened or written.removed:
            self._execute("analyze pg_temp.versions")
            note_touched_days(self.warehouse, self.reading.table, self.moment)
            write_versions(self.warehouse, self.reading.table, self.moment)

    def _execute(self, statement: str, *parts: sql.Composable) -> None:
        self.warehouse.execute(
            sql.SQL(statement).format(*parts)  # type: ignore[arg-type]
        )
