"""The canonical tables of the app database, as the warehouse declares them.

Their columns are said once, in the migration; this module reads them back.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

# Kept by extraction itself; `changed_at` comes from the source but is not content.
_KEPT_BY_EXTRACTION = ("row_hash", "valid_from", "valid_to", "load_id", "closed_by")
CHANGED_AT = "changed_at"

_COLUMNS = """
    select
        substr(tables.relname, 5),
        obj_description(tables.oid),
        columns.attname,
        format_type(columns.atttypid, columns.atttypmod),
        columns.attnotnull
    from pg_catalog.pg_class as tables
    inner join pg_catalog.pg_attribute as columns
        on columns.attrelid = tables.oid
    where
        tables.relnamespace = 'raw'::regnamespace
        and tables.relkind = 'r'
        and tables.relname like 'app\\_%'
        and columns.attnum > 0
        and not columns.attisdropped
    order by tables.relname, columns.attnum
"""


@dataclass(frozen=True)
class Column:
    """A column that a source may fill."""

    name: str
    type: str
    is_required: bool

    @property
    def type_sql(self) -> sql.SQL:
        """Return the type as Postgres itself writes it."""
        return sql.SQL(self.type)  # type: ignore[arg-type]


@dataclass(frozen=True)
class AppTable:
    """A canonical table: the key comes first, the business days are those it touches.

    Attributes
    ----------
    columns : dict of str to Column
        What a source may fill, in table order, `changed_at` included.
    days : tuple of str
        Columns whose day a changed row touches.
    """

    name: str
    columns: dict[str, Column]
    days: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return the name of the key."""
        return next(iter(self.columns))

    @property
    def content(self) -> list[str]:
        """Return the columns whose change makes a new version."""
        return [name for name in self.columns if name != CHANGED_AT]

    @property
    def relation(self) -> sql.Identifier:
        """Return the table in the warehouse."""
        return sql.Identifier("raw", f"app_{self.name}")


def read_app_tables(connection: psycopg.Connection) -> dict[str, AppTable]:
    """Return the canonical tables by name, as the warehouse has them."""
    columns: dict[str, dict[str, Column]] = {}
    days: dict[str, tuple[str, ...]] = {}
    for table, comment, name, type_, is_required in connection.execute(_COLUMNS):
        named = (comment or "").removeprefix("days: ").split(", ")
        days[table] = tuple(day for day in named if day)
        if name not in _KEPT_BY_EXTRACTION:
            columns.setdefault(table, {})[name] = Column(name, type_, is_required)
    return {table: AppTable(table, columns[table], days[table]) for table in columns}
