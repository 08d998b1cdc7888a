"""Differences: where a mart differs from what readers see, and putting that right.

Only the days or keys that differ are touched, so a publication costs what changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

from orchestration.quality.published_tables import (
    PublicationError,
    PublishedTable,
    names,
)
from orchestration.raw.retention import FROZEN
from orchestration.transform.extents import day_literals


@dataclass(frozen=True)
class Scope:
    """Where a table may differ: what builds after the last published one changed.

    Attributes
    ----------
    is_whole : bool
        Compare every day, because the model does not say which it changed, was built
        from nothing, or was never published.
    """

    after_build: int
    up_to_build: int
    is_whole: bool

    def rows_of(self, table: PublishedTable) -> sql.Composable:
        """Return a condition over rows that may differ, once stale days were found."""
        if table.unit is None or self.is_whole:
            return sql.SQL("true")
        return sql.SQL("{} in (select unit_key from stale_units)").format(
            sql.Identifier(table.unit)
        )


@dataclass(frozen=True)
class Change:
    """Rows removed from and added to one published table, and their days."""

    removed_count: int
    added_count: int
    days: tuple[date, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether readers see what they saw before."""
        return not (self.removed_count or self.added_count)


def since_last(
    connection: psycopg.Connection, *, build_id: int
) -> tuple[int, frozenset[str]]:
    """Return the last published build and the models built from nothing since."""
    row = connection.execute(
        """
        select
            coalesce(status.build_id, 0),
            coalesce(
                array_agg(refreshed.model) filter (where refreshed.model is not null),
                '{}'
            )
        from published.status as status
        left join ops.builds as builds
            on
                builds.build_id > coalesce(status.build_id, 0)
                and builds.build_id <= %s
        left join lateral unnest(builds.refreshed_models) as refreshed (model) on true
        group by status.build_id
        """,
        (build_id,),
    ).fetchone()
    if row is None:
        msg = "published.status has lost its row; restore it from a backup"
        raise PublicationError(msg)
    return row[0], frozenset(row[1])


def find_stale_days(
    connection: psycopg.Connection,
    table: PublishedTable,
    *,
    scope: Scope,
    columns: Sequence[str],
) -> list[date]:
    """Fill the temporary table `stale_days` with the days whose digest differs.

    Raises
    ------
    PublicationError
        If the mart has rows without a day, which no publication could replace.
    """
    connection.execute("drop table if exists stale_days")
    in_scope = scope.rows_of(table)
    if not scope.is_whole:
        # Literals, or a few days of many would be looked for in all rows.
        days = _changed_days(connection, table, scope=scope)
        if not days:
            return []
        if table.unit is None:
            in_scope = sql.SQL("{} in ({})").format(_day(table), day_literals(days))
        else:
            _hold_units(connection, table, scope=scope)
    connection.execute(
        sql.SQL(_STALE_DAYS).format(
            data=table.data,
            mart=table.mart,
            day=_day(table),
            names=names(columns),
            in_scope=sql.SQL("{} and {}").format(in_scope, _is_not_frozen(table)),
        )
    )
    rows = connection.execute("select day from stale_days order by day")
    days = [day for (day,) in rows]
    if None in days:
        msg = f"{table.name}: it has rows whose {table.day} is null"
        raise PublicationError(msg)
    return days


def replace_days(
    connection: psycopg.Connection,
    table: PublishedTable,
    *,
    scope: Scope,
    days: Sequence[date],
    columns: Sequence[str],
) -> Change:
    """Replace the rows of the days that differ, as far as they are in scope.

    A late event is one row of its day's thousands, and each that is written has its
    indexes written, too.
    """
    parts = {
        "data": table.data,
        "mart": table.mart,
        "day": _day(table),
        "days": day_literals(days),
        "names": names(columns),
        "seen": names(columns, "seen"),
        "made": names(columns, "made"),
        "seen_key": names(table.key, "seen"),
        "made_key": names(table.key, "made"),
        "rows": scope.rows_of(table),
    }
    listed = sql.SQL(
        "(select {names} from {relation} where {day} in ({days}) and {rows})"
    )
    parts["seen_rows"] = listed.format(relation=table.data, **parts)
    parts["made_rows"] = listed.format(relation=table.mart, **parts)
    removed = connection.execute(
        sql.SQL(
            "delete from {data} as seen where {day} in ({days}) and {rows} "
            "and not exists (select from {made_rows} as made "
            "where ({made_key}) = ({seen_key}) "
            "and row({made}) is not distinct from row({seen}))"
        ).format(**parts)
    )
    added = connection.execute(
        sql.SQL(
            "insert into {data} ({names}) select {names} from {made_rows} as made "
            "where not exists (select from {seen_rows} as seen "
            "where ({seen_key}) = ({made_key}))"
        ).format(**parts)
    )
    return Change(removed.rowcount, added.rowcount, tuple(days))


def replace_keys(
    connection: psycopg.Connection, table: PublishedTable, *, columns: Sequence[str]
) -> Change:
    """Replace the rows that differ, key by key."""
    parts = {
        "data": table.data,
        "mart": table.mart,
        "names": names(columns),
        "seen": names(columns, "seen"),
        "made": names(columns, "made"),
        "seen_key": names(table.key, "seen"),
        "made_key": names(table.key, "made"),
    }
    # Equal keys first, so that the planner can hash them; nulls make a key differ, and
    # such a row is removed and added again.
    removed = connection.execute(
        sql.SQL(
            "delete from {data} as seen where not exists ("
            "select from {mart} as made where ({made_key}) = ({seen_key}) "
            "and row({made}) is not distinct from row({seen}))"
        ).format(**parts)
    )
    added = connection.execute(
        sql.SQL(
            "insert into {data} ({names}) select {names} from {mart} as made "
            "where not exists ("
            "select from {data} as seen where ({seen_key}) = ({made_key}))"
        ).format(**parts)
    )
    return Change(removed.rowcount, added.rowcount)


def _changed_days(
    connection: psycopg.Connection, table: PublishedTable, *, scope: Scope
) -> list[date]:
    rows = connection.execute(
        """
        select distinct day
        from ops.changed
        where model in ('*', %s) and build_id > %s and build_id <= %s
        order by day
        """,
        (table.made_name, scope.after_build, scope.up_to_build),
    )
    return [day for (day,) in rows]


def _hold_units(
    connection: psycopg.Connection, table: PublishedTable, *, scope: Scope
) -> None:
    """Fill the temporary table `stale_units` with the units whose rows may differ."""
    connection.execute("drop table if exists stale_units")
    connection.execute(
        """
        create temporary table stale_units on commit drop as
        select distinct unit_key
        from ops.changed_units
        where model = %s and build_id > %s and build_id <= %s
        """,
        (table.made_name, scope.after_build, scope.up_to_build),
    )
    connection.execute("analyze stale_units")


def forget_units(connection: psycopg.Connection, *, up_to_build: int) -> None:
    """Delete the units of published builds: personal, and no use once readers see."""
    connection.execute(
        "delete from ops.changed_units where build_id <= %s", (up_to_build,)
    )


def _is_not_frozen(table: PublishedTable) -> sql.Composable:
    """Days whose raw events were purged stay as readers know them, for ever.

    A mart built anew has lost them. A row without a day is not frozen, but a mistake.
    """
    return sql.SQL(
        "({day} > (select max(touched.occurred_on) from ops.touched_days as touched "
        "where touched.settled_by = {frozen})) is not false"
    ).format(day=_day(table), frozen=sql.Literal(FROZEN))


def _day(table: PublishedTable) -> sql.Identifier:
    return sql.Identifier(table.day or "")


_STALE_DAYS = """
    create temporary table stale_days on commit drop as
    with seen_rows as (
        select {day} as day, md5((row({names}))::text) as hash
        from {data}
        where {in_scope}
    ),

    made_rows as (
        select {day} as day, md5((row({names}))::text) as hash
        from {mart}
        where {in_scope}
    ),

    seen as (
        select
            day,
            count(*) as row_count,
            md5(string_agg(hash, '' order by hash collate "C")) as digest
        from seen_rows
        group by day
    ),

    made as (
        select
            day,
            count(*) as row_count,
            md5(string_agg(hash, '' order by hash collate "C")) as digest
        from made_rows
        group by day
    )

    select
        day,
        coalesce(seen.row_count, 0) as before_row_count,
        coalesce(made.row_count, 0) as after_row_count,
        seen.digest as before_digest,
        made.digest as after_digest
    from seen
    full join made using (day)
    where seen.digest is distinct from made.digest
"""
