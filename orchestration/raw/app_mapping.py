"""What the source's SQL yields, held against the canonical tables before it is read."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestration.raw.app_tables import CHANGED_AT, AppTable
from orchestration.raw.money import EXPONENTS
from orchestration.registry.app_source import AppTable as Mapping
from orchestration.registry.entries import Entry
from orchestration.registry.problems import Problem

_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_TEXTS = frozenset(
    {"text", "character varying", "character", "uuid", "citext", '"char"', "name"}
)
# Which types of a source fit a canonical type without losing anything.
_MONEY = _INTEGERS | {"numeric"}
_FITTING: dict[str, frozenset[str]] = {
    "text": _TEXTS | _INTEGERS,
    "bigint": _INTEGERS,
    "integer": frozenset({"smallint", "integer"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "timestamp with time zone": frozenset({"timestamp with time zone"}),
    "jsonb": frozenset({"json", "jsonb"}),
    "numeric": _MONEY,
}

_HINTS = {
    "timestamp without time zone": "say its zone: … at time zone 'UTC'",
    "numeric": "list it under money, or cast it",
    "double precision": "floats do not hold money: …::numeric, under money",
}


@dataclass(frozen=True)
class Reading:
    """How one canonical table is read from a source.

    Attributes
    ----------
    columns : list of str
        The columns that the SQL yields, in table order.
    """

    table: AppTable
    mapping: Mapping
    columns: list[str]

    @property
    def has_changed_at(self) -> bool:
        """Whether the rows say when they changed, so that changes can be read alone."""
        return CHANGED_AT in self.columns

    def columns_sql(self) -> sql.Composed:
        """Return the select list: every column as text of its canonical type."""
        return sql.SQL(", ").join(self._column_sql(name) for name in self.columns)

    def source_sql(self) -> sql.Composed:
        """Return the user's SQL as a relation; the newline ends a last comment."""
        # A value composed here is sent as it stands: percent signs stay what they are.
        return sql.SQL("(\n{}\n) as source").format(
            sql.SQL(self.mapping.sql)  # type: ignore[arg-type]
        )

    def _column_sql(self, name: str) -> sql.Composable:
        column = sql.SQL("source.{}").format(sql.Identifier(name))
        if name in self.mapping.money:
            return sql.SQL("({} * {})::numeric").format(column, _factor())
        type_ = self.table.columns[name].type_sql
        return sql.SQL("{}::{}").format(column, type_)


def map_table(
    source: psycopg.Connection, entry: Entry, table: AppTable, mapping: Mapping
) -> tuple[Reading | None, list[Problem]]:
    """Ask the source what a table's SQL yields; return how to read it, or why not."""
    at = ("tables", table.name)
    try:
        yielded = _describe(source, mapping)
    except psycopg.Error as error:
        message = error.diag.message_primary or type(error).__name__
        reason = f"the source refuses it: {message}"
        return None, [entry.problem((*at, "sql"), reason)]
    problems = [
        entry.problem((*at, place), reason, allowed)
        for place, reason, allowed in _mismatches(table, mapping, yielded)
    ]
    if problems:
        return None, problems
    columns = [column for column in table.columns if column in yielded]
    return Reading(table, mapping, columns), []


def _describe(source: psycopg.Connection, mapping: Mapping) -> dict[str, str]:
    """Return the columns that the SQL yields and their types, without reading rows."""
    query = sql.SQL("select * from (\n{}\n) as source limit 0").format(
        sql.SQL(mapping.sql)  # type: ignore[arg-type]
    )
    with source.transaction(), source.cursor() as cursor:
        cursor.execute(query)
        described = [(each.name, each.type_code) for each in cursor.description or ()]
        cursor.execute(
            "select oid, case when typtype = 'e' then 'text' "
            "else format_type(oid, null) end from pg_catalog.pg_type "
            "where oid = any(%s)",
            ([code for _, code in described],),
        )
        types = dict(cursor.fetchall())
    return {name: types[code] for name, code in described}


def _mismatches(
    table: AppTable, mapping: Mapping, yielded: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (place in the mapping, reason, what is allowed)."""
    for name, column in table.columns.items():
        if column.is_required and name not in yielded:
            reason = f"{table.name} lacks the column {name}"
            yield "sql", reason, f"{name} as {column.type}"
    for name, type_ in yielded.items():
        if name in table.columns:
            yield from _misfit(table, mapping, name, type_)
        else:
            reason = f"{table.name} has no column {name}"
            yield "sql", reason, ", ".join(table.columns)
    for place, names in (
        ("money", set(mapping.money)),
        ("pseudonymise", set(mapping.pseudonymise)),
    ):
        for name in sorted(names - yielded.keys()):
            yield place, f"{table.name}.{name} is not a column that the SQL yields", ""
    if mapping.money and "currency" not in yielded:
        yield "money", f"{table.name} yields amounts without a currency", "currency"


def _misfit(
    table: AppTable, mapping: Mapping, name: str, type_: str
) -> Iterator[tuple[str, str, str]]:
    wanted = table.columns[name].type
    fitting = _MONEY if name in mapping.money else _FITTING[wanted]
    if type_ not in fitting:
        reason = f"{table.name}.{name} is {type_}, expected {wanted}"
        yield "sql", reason, _HINTS.get(type_, f"cast it: …::{wanted}")
    if name.endswith("_hash") and name not in mapping.pseudonymise:
        reason = f"{table.name}.{name} would be stored as it comes"
        yield "sql", reason, f"pseudonymise: {{{name}: email}}"


def _factor() -> sql.Composable:
    """Return what major units are multiplied with, by the row's currency (ISO 4217)."""
    cases = [
        sql.SQL("when {} then {}").format(currency, 10**exponent)
        for currency, exponent in sorted(EXPONENTS.items())
    ]
    return sql.SQL("case source.currency {} else 100 end").format(
        sql.SQL(" ").join(cases)
    )
