"""Which marts are published, and the permanent tables and views that readers know.

dbt drops what depends on the tables it replaces, grants and all. So readers never see
a table of dbt's: they see views of ours over tables of ours, which are created once,
gain columns at their end, and are never dropped or renamed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

READER = "bi_reader"

_PERIODS = {"day": "1 day", "week": "7 days", "month": "1 month"}
_COMPUTED = ("data_complete_through", "is_final", "close_state", "is_mature")


class PublicationError(RuntimeError):
    """A mart that cannot be published as it is, and what to do about it."""


@dataclass(frozen=True)
class PublishedTable:
    """A mart with `meta.published`, as its model declares it.

    Attributes
    ----------
    day : str or None
        The column by which the table is replaced; None replaces by key.
    key : tuple of str
        Columns that identify a row.
    period : str
        What a row's day begins: a day, week or month.
    sources : tuple of str
        Sources that must be complete for it; empty means all.
    is_incremental : bool
        Whether the model says in ops.changed which days it changed.
    unit : str or None
        The column by which the model says in ops.changed_units whose rows it changed:
        such rows lie on days that are as many as there is history.
    made_as : str
        The name under which it is made, if that is not the one readers know.
    computed : tuple of (str, str)
        Columns of the view alone, each an expression over the columns of the table (as
        `listed`) and `{watermark}`: what becomes of a row as time passes.
    matures_at : str
        The column that says when a row's window is over; empty where there is none.
    immature_unknown : tuple of str
        Columns that are null to readers until then.
    indexes : tuple of tuple of str
        Columns by which readers look rows up, besides day and key.
    """

    name: str
    schema: str
    key: tuple[str, ...]
    day: str | None = None
    period: str = "day"
    sources: tuple[str, ...] = ()
    is_incremental: bool = False
    unit: str | None = None
    description: str = ""
    column_descriptions: tuple[tuple[str, str], ...] = ()
    made_as: str = ""
    computed: tuple[tuple[str, str], ...] = ()
    matures_at: str = ""
    immature_unknown: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def made_name(self) -> str:
        """Return the name of the table that is published, in its schema."""
        return self.made_as or self.name

    @property
    def mart(self) -> sql.Composable:
        """Return the table that dbt builds."""
        return sql.Identifier(self.schema, self.made_name)

    @property
    def data(self) -> sql.Composable:
        """Return the permanent table."""
        return sql.Identifier("published_data", self.name)

    @property
    def view(self) -> sql.Composable:
        """Return the permanent view that readers know."""
        return sql.Identifier("published", self.name)

    @property
    def watermark(self) -> sql.Composable:
        """Return how complete the table is, read from the status row."""
        return sql.SQL("(status.watermarks ->> {})::timestamptz").format(
            sql.Literal(self.name)
        )

    def next_period_on(self, day: sql.Composable) -> sql.Composable:
        """Return the day after the period that begins on a day."""
        return sql.SQL("({} + interval {})::date").format(
            day, sql.Literal(_PERIODS[self.period])
        )

    def is_final_on(self, day: sql.Composable) -> sql.Composable:
        """Return whether the late window of a day's period is over, by the status."""
        return sql.SQL(
            "coalesce({watermark} >= ({next_day} + status.days_late_allowed)"
            "::timestamp at time zone status.timezone, false)"
        ).format(watermark=self.watermark, next_day=self.next_period_on(day))

    @property
    def is_mature(self) -> sql.Composable:
        """Return whether the window of a row is over at the watermark."""
        return sql.SQL("coalesce({} <= {}, false)").format(
            sql.Identifier("listed", self.matures_at), self.watermark
        )


def published_tables(manifest: Mapping[str, Any]) -> list[PublishedTable]:
    """Return the published tables of the project, by name.

    Raises
    ------
    PublicationError
        If a declaration lacks its key or names an unknown period.
    """
    tables = [
        _declared(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"].get("meta", {}).get("published")
    ]
    return sorted(tables, key=lambda table: table.name)


def columns_of(
    connection: psycopg.Connection, schema: str, table: str
) -> dict[str, str]:
    """Return the columns of a relation and their types, in order."""
    rows = connection.execute(
        """
        select
            attributes.attname,
            format_type(attributes.atttypid, attributes.atttypmod)
        from pg_attribute as attributes
        where
            attributes.attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))
            and attributes.attnum > 0
            and not attributes.attisdropped
        order by attributes.attnum
        """,
        (schema, table),
    )
    return dict(rows.fetchall())


def extend_table(connection: psycopg.Connection, table: PublishedTable) -> list[str]:
    """Add the columns that the mart gained; return them. A new table is left alone.

    Raises
    ------
    PublicationError
        If the mart is missing, or lost or retyped a column that readers know.
    """
    wanted = columns_of(connection, table.schema, table.made_name)
    _check_columns(table, wanted)
    known = columns_of(connection, "published_data", table.name)
    if not known:
        return []
    changed = [
        name for name, kind in known.items() if wanted.get(name, "nothing") != kind
    ]
    if changed:
        msg = (
            f"{table.name}: columns {changed} were removed or retyped; readers rely on "
            "them, so give the changed table a new name"
        )
        raise PublicationError(msg)
    added = [name for name in wanted if name not in known]
    for name in added:
        connection.execute(
            sql.SQL("alter table {} add column {}").format(
                table.data, _column(name, wanted[name])
            )
        )
    _ensure_view(connection, table)
    return added


def create_table(connection: psycopg.Connection, table: PublishedTable) -> bool:
    """Create the permanent table and view unless they exist; return whether new."""
    if columns_of(connection, "published_data", table.name):
        return False
    wanted = columns_of(connection, table.schema, table.made_name)
    parts = [_column(name, kind) for name, kind in wanted.items()]
    connection.execute(
        sql.SQL("create table {} ({})").format(table.data, sql.SQL(", ").join(parts))
    )
    connection.execute(
        sql.SQL("create unique index on {} ({}) nulls not distinct").format(
            table.data, names(table.key)
        )
    )
    looked_up = [name for name in (table.day, table.unit) if name]
    alone = [(name,) for name in looked_up if table.key[0] != name]
    for columns in (*alone, *table.indexes):
        connection.execute(
            sql.SQL("create index on {} ({})").format(table.data, names(columns))
        )
    _ensure_view(connection, table)
    return True


def names(columns: Sequence[str], table: str = "") -> sql.Composable:
    """Return column names for a statement, of one table if it is named."""
    parts = [(table, name) if table else (name,) for name in columns]
    return sql.SQL(", ").join([sql.Identifier(*part) for part in parts])


def _declared(node: Mapping[str, Any]) -> PublishedTable:
    meta = node["config"]["meta"]
    published = meta["published"]
    table = PublishedTable(
        name=published.get("name", node["name"]),
        made_as=node["name"],
        schema=node["schema"],
        key=tuple(published.get("key") or ()),
        day=published.get("day"),
        period=published.get("period", "day"),
        sources=tuple(published.get("sources") or ()),
        is_incremental=node["config"]["materialized"] == "incremental",
        unit=meta["unit"] if meta.get("rebuild") == "keys" else None,
        description=node.get("description", ""),
        column_descriptions=tuple(
            (name, column.get("description", ""))
            for name, column in node.get("columns", {}).items()
        ),
        computed=tuple((published.get("computed") or {}).items()),
        matures_at=published.get("matures_at", ""),
        immature_unknown=tuple(published.get("immature_unknown") or ()),
        indexes=tuple(map(tuple, published.get("indexes") or ())),
    )
    if not table.key:
        msg = f"{table.name}: meta.published names no key"
        raise PublicationError(msg)
    if table.period not in _PERIODS:
        msg = f"{table.name}: meta.published.period is one of {', '.join(_PERIODS)}"
        raise PublicationError(msg)
    return table


def _check_columns(table: PublishedTable, wanted: Mapping[str, str]) -> None:
    if not wanted:
        msg = f"{table.name}: {table.schema}.{table.made_name} does not exist"
        raise PublicationError(msg)
    named = (*table.key, table.day, table.matures_at, *table.immature_unknown)
    named = (*named, *(name for columns in table.indexes for name in columns))
    missing = [name for name in named if name and name not in wanted]
    if missing:
        msg = f"{table.name}: meta.published names unknown columns {missing}"
        raise PublicationError(msg)
    computed = (*_COMPUTED, *(name for name, _ in table.computed))
    taken = [name for name in computed if name in wanted]
    if taken:
        msg = f"{table.name}: {taken} are computed in the published view"
        raise PublicationError(msg)


def _ensure_view(connection: psycopg.Connection, table: PublishedTable) -> None:
    """Make or extend the view; leave it alone, unlocked, when it is as it should be."""
    columns = list(columns_of(connection, "published_data", table.name))
    computed = _computed_columns(table)
    # A view gains columns only at its end, so those that readers know come first.
    known = [
        name
        for name in columns_of(connection, "published", table.name)
        if name in columns or name in computed
    ]
    new = [name for name in dict.fromkeys((*columns, *computed)) if name not in known]
    order = [*known, *new]
    selected = [
        computed[name] if name in computed else sql.Identifier("listed", name)
        for name in order
    ]
    statement = sql.SQL(
        "create or replace view {} as select {} from {} as listed "
        "cross join published.status as status"
    ).format(table.view, sql.SQL(", ").join(selected), table.data)
    comments = [table.description, *map(str, table.column_descriptions)]
    text = "\n".join([statement.as_string(connection), *comments])
    view_hash = hashlib.sha256(text.encode()).hexdigest()
    made = connection.execute(
        """
        insert into ops.published_tables (table_name, view_hash) values (%s, %s)
        on conflict (table_name) do update set view_hash = excluded.view_hash
        where published_tables.view_hash <> excluded.view_hash
        """,
        (table.name, view_hash),
    )
    if made.rowcount == 0:
        return
    connection.execute(statement)
    connection.execute(
        sql.SQL("grant select on {} to {}").format(table.view, sql.Identifier(READER))
    )
    _describe(connection, table, order)


def _computed_columns(table: PublishedTable) -> dict[str, sql.Composable]:
    computed = {"data_complete_through": table.watermark}
    if table.day is not None:
        day = sql.Identifier("listed", table.day)
        computed["is_final"] = table.is_final_on(day)
        computed["close_state"] = sql.SQL(_CLOSE_STATE).format(
            name=sql.Literal(table.name),
            day=day,
            is_final=computed["is_final"],
            next_day=table.next_period_on(day),
        )
    for name, expression in table.computed:
        # Written in a model's YAML, which is code of ours like the model itself.
        computed[name] = sql.SQL(expression).format(watermark=table.watermark)  # type: ignore[arg-type]
    if table.matures_at:
        computed["is_mature"] = table.is_mature
    for name in table.immature_unknown:
        computed[name] = sql.SQL("case when {} then {} end").format(
            table.is_mature, sql.Identifier("listed", name)
        )
    return {
        name: sql.SQL("{} as {}").format(expression, sql.Identifier(name))
        for name, expression in computed.items()
    }


def _describe(
    connection: psycopg.Connection, table: PublishedTable, columns: Sequence[str]
) -> None:
    connection.execute(
        sql.SQL("comment on view {} is {}").format(
            table.view, sql.Literal(table.description)
        )
    )
    for name, description in table.column_descriptions:
        if name in columns:
            connection.execute(
                sql.SQL("comment on column {}.{} is {}").format(
                    table.view, sql.Identifier(name), sql.Literal(description)
                )
            )


def _column(name: str, kind: str) -> sql.Composable:
    # The type is what Postgres itself calls it, read from its catalogue.
    return sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))  # type: ignore[arg-type]


_CLOSE_STATE = """
    case
        when exists (
            select from ops.restatements as restatements
            where restatements.table_name = {name} and restatements.day = {day}
        ) then 'restated'
        when {is_final} then 'final'
        when {next_day} - 1 <= status.closed_through_on then 'closed'
        else 'provisional'
    end
"""
