"""Publishing: what readers see changes in one transaction, or not at all.

A publication takes over what the last build made, table by table, where it differs,
and moves the status row. Anything in the way (a build that failed or is running, a
check that failed) holds it back: yesterday's rows stay, and the status says why.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from orchestration.quality.completeness import (
    Completeness,
    is_current,
    last_whole_day,
    move_status,
    source_watermarks,
    table_watermarks,
)
from orchestration.quality.differences import (
    Change,
    Scope,
    find_stale_days,
    forget_units,
    replace_days,
    replace_keys,
    since_last,
)
from orchestration.quality.identity_impact import count_moved_rows
from orchestration.quality.published_tables import (
    PublicationError,
    PublishedTable,
    columns_of,
    create_table,
    extend_table,
)
from orchestration.quality.published_views import PublishedView, ensure_views
from orchestration.quality.restatements import record_restatements
from orchestration.warehouse.stages import begin_stage, end_stage

LOGGER = logging.getLogger(__name__)


class StalePublicationError(RuntimeError):
    """The build to be published is no longer the one that wrote the marts."""


@dataclass(frozen=True)
class Terms:
    """On which terms a publication happens.

    Attributes
    ----------
    build_id : int or None
        The build that was checked; None publishes whatever was built last.
    failed_checks : tuple of str
        Names of blocking checks that failed: any of them holds the publication back.
    is_closing : bool
        Whether days that are over become closed: the nightly job's step, not that of
        the runs during the day.
    """

    timezone: str = "UTC"
    build_id: int | None = None
    failed_checks: tuple[str, ...] = ()
    is_closing: bool = False


@dataclass(frozen=True)
class Publication:
    """What a publication did.

    Attributes
    ----------
    publication_id : int or None
        None if readers see the very rows that they saw before.
    is_moved : bool
        Whether the status says something else of the rows: how complete they are, or
        which days are closed.
    reason : str or None
        Why it was held back.
    """

    publication_id: int | None
    is_held: bool = False
    reason: str | None = None
    changes: dict[str, Change] = field(default_factory=dict)
    restated_day_count: int = 0
    is_moved: bool = False
    data_complete_through: datetime | None = None

    @property
    def row_count(self) -> int:
        """How many rows came or went."""
        return sum(
            change.added_count + change.removed_count
            for change in self.changes.values()
        )

    def text(self) -> str:
        """Return one line for a person."""
        if self.is_held:
            return f"held back: {self.reason}"
        if self.publication_id is None:
            moved = f", complete through {self.data_complete_through}"
            return f"nothing to publish{moved if self.is_moved else ''}"
        added = sum(change.added_count for change in self.changes.values())
        removed = sum(change.removed_count for change in self.changes.values())
        return (
            f"publication {self.publication_id}: {added:,} rows in, {removed:,} out, "
            f"{self.restated_day_count} final days restated"
        )


def publish(
    connection: psycopg.Connection,
    *,
    tables: Sequence[PublishedTable],
    terms: Terms,
    views: Sequence[PublishedView] = (),
) -> Publication:
    """Publish what the last build made, in one transaction, or hold it back.

    Parameters
    ----------
    views : sequence of PublishedView
        Views over the tables, made where they are new or changed.

    Raises
    ------
    StalePublicationError
        If another build took over since `terms.build_id`.
    PublicationError
        If a mart lost or retyped a column that readers know.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        msg = "publish needs a connection without an open transaction"
        raise PublicationError(msg)
    extended: dict[str, list[str]] = {}
    with connection.transaction():
        build_id, obstacle = _enter(connection, terms=terms)
        if obstacle is not None:
            return _hold(connection, build_id=build_id, reason=obstacle)
        for table in tables:
            # In a moment of its own: a new column locks readers out until the commit.
            extended[table.name] = extend_table(connection, table)
    with connection.transaction():
        build_id, obstacle = _enter(connection, terms=terms)
        if obstacle is not None:
            return _hold(connection, build_id=build_id, reason=obstacle)
        stage_id = begin_stage(connection, "publish", build_id=build_id)
        publication = _publish(
            connection, tables=tables, terms=terms, run=_Run(build_id, extended)
        )
        ensure_views(connection, views)
        end_stage(connection, stage_id, row_count=publication.row_count)
    LOGGER.debug("%s", publication.text())
    return publication


def hold(connection: psycopg.Connection, *, reason: str) -> Publication:
    """Say in the status why nothing is published; what readers see stays."""
    with connection.transaction():
        build_id, _ = _enter(connection, terms=Terms())
        return _hold(connection, build_id=build_id, reason=reason)


@dataclass(frozen=True)
class _Run:
    """The build that is being published, and the columns just added, by table."""

    build_id: int
    extended: dict[str, list[str]]


def _enter(connection: psycopg.Connection, *, terms: Terms) -> tuple[int, str | None]:
    """Queue up, and return the last build, kept last until we commit, and obstacles."""
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.publication'))")
    # Locked first and read after: a join would be judged by the row before the wait.
    connection.execute("select build_id from ops.current_build for share")
    row = connection.execute(
        """
        select builds.build_id, builds.state, builds.is_full_selection
        from ops.current_build
        inner join ops.builds as builds using (build_id)
        """
    ).fetchone()
    if row is None:
        return 0, "nothing was built yet"
    build_id, state, is_full_selection = row
    if terms.build_id is not None and terms.build_id != build_id:
        msg = f"build {terms.build_id} was superseded by build {build_id}"
        raise StalePublicationError(msg)
    if state != "succeeded":
        return build_id, f"build {build_id} is {state}"
    if not is_full_selection:
        return build_id, f"build {build_id} was built only in part"
    if terms.failed_checks:
        return build_id, f"checks failed: {', '.join(terms.failed_checks)}"
    return build_id, None


def _hold(connection: psycopg.Connection, *, build_id: int, reason: str) -> Publication:
    held = connection.execute(
        """
        update published.status
        set state = 'held', reason = %(reason)s
        where (state, reason) is distinct from ('held', %(reason)s)
        """,
        {"reason": reason},
    )
    publication_id = None
    if held.rowcount:
        publication_id = _open(connection, build_id=build_id or None)
        connection.execute(
            """
            update ops.publications set state = 'held', reason = %s
            where publication_id = %s
            """,
            (reason, publication_id),
        )
    _stamp(connection)
    stage_id = begin_stage(connection, "publish", build_id=build_id or None)
    end_stage(connection, stage_id, state="failed")
    return Publication(publication_id, is_held=True, reason=reason)


def _publish(
    connection: psycopg.Connection,
    *,
    tables: Sequence[PublishedTable],
    terms: Terms,
    run: _Run,
) -> Publication:
    publication_id = _open(connection, build_id=run.build_id)
    after_build, refreshed = since_last(connection, build_id=run.build_id)
    outcomes = {
        table.name: _publish_table(
            connection,
            table,
            scope=Scope(
                after_build=after_build,
                up_to_build=run.build_id,
                is_whole=not table.is_incremental or table.made_name in refreshed,
            ),
            publication_id=publication_id,
            run=run,
        )
        for table in tables
    }
    forget_units(connection, up_to_build=run.build_id)
    changes = {name: change for name, (change, _) in outcomes.items()}
    was_current = is_current(connection)
    through, is_moved = _move_status(connection, tables=tables, terms=terms, run=run)
    # Time that passes makes no new version of the data, and so no new report.
    if was_current and all(change.is_empty for change in changes.values()):
        connection.execute(
            "delete from ops.publications where publication_id = %s", (publication_id,)
        )
        _stamp(connection)
        return Publication(
            None, changes=changes, is_moved=is_moved, data_complete_through=through
        )
    _close(connection, publication_id, changes=changes, through=through)
    return Publication(
        publication_id,
        changes=changes,
        restated_day_count=sum(days for _, days in outcomes.values()),
        is_moved=is_moved,
        data_complete_through=through,
    )


def _move_status(
    connection: psycopg.Connection,
    *,
    tables: Sequence[PublishedTable],
    terms: Terms,
    run: _Run,
) -> tuple[datetime | None, bool]:
    sources = source_watermarks(connection, build_id=run.build_id)
    through = min(sources.values(), default=None)
    closed = last_whole_day(through, timezone=terms.timezone)
    moved = move_status(
        connection,
        build_id=run.build_id,
        target=Completeness(
            watermarks=table_watermarks(tables, sources),
            through=through,
            closed_through=closed if terms.is_closing else None,
            timezone=terms.timezone,
        ),
    )
    return through, moved


def _publish_table(
    connection: psycopg.Connection,
    table: PublishedTable,
    *,
    scope: Scope,
    publication_id: int,
    run: _Run,
) -> tuple[Change, int]:
    is_new = create_table(connection, table)
    columns = list(columns_of(connection, table.schema, table.made_name))
    if table.day is None:
        return replace_keys(connection, table, columns=columns), 0
    scope = replace(scope, is_whole=scope.is_whole or is_new)
    restated = 0
    days = find_stale_days(connection, table, scope=scope, columns=columns)
    if not days:
        return Change(0, 0), 0
    if not is_new:
        added = run.extended.get(table.name, [])
        restated = record_restatements(
            connection,
            table,
            scope=scope,
            publication_id=publication_id,
            columns=[name for name in columns if name not in added],
        )
        count_moved_rows(connection, table, scope=scope, columns=columns)
    change = replace_days(connection, table, scope=scope, days=days, columns=columns)
    if scope.is_whole:
        # The nights to come find few rows among many only where many are known of.
        connection.execute(sql.SQL("analyze {}").format(table.data))
    return change, restated


def _open(connection: psycopg.Connection, *, build_id: int | None) -> int:
    row = connection.execute(
        """
        insert into ops.publications (build_id, state) values (%s, 'published')
        returning publication_id
        """,
        (build_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def _close(
    connection: psycopg.Connection,
    publication_id: int,
    *,
    changes: dict[str, Change],
    through: datetime | None,
) -> None:
    counts = {
        name: {"removed": change.removed_count, "added": change.added_count}
        for name, change in changes.items()
        if not change.is_empty
    }
    connection.execute(
        """
        update ops.publications set changes = %s, data_complete_through = %s
        where publication_id = %s
        """,
        (Jsonb(counts), through, publication_id),
    )
    connection.execute(
        """
        update published.status
        set publication_id = %s, published_at = clock_timestamp()
        """,
        (publication_id,),
    )
    _stamp(connection)


def _stamp(connection: psycopg.Connection) -> None:
    connection.execute("update published.status set checked_at = clock_timestamp()")
