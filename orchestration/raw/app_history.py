"""History of the canonical tables: what was read becomes versions where it differs.

Everything here is SQL inside the extraction's one transaction. `pg_temp.incoming` holds
what was read of one table; `pg_temp.versions` what becomes of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from orchestration.raw.app_mapping import Reading
from orchestration.raw.app_tables import AppTable


class ExtractError(RuntimeError):
    """Why a source was not extracted; no values of rows."""


@dataclass(frozen=True)
class Moment:
    """When and by which load a version begins or ends.

    Attributes
    ----------
    load_id : int
    snapshot_at : datetime
        The source's own clock at the snapshot that was read.
    timezone : str
        The zone whose days are touched.
    """

    load_id: int
    snapshot_at: datetime
    timezone: str


@dataclass
class Written:
    """What one table's extract wrote."""

    opened: int = 0
    closed: int = 0
    removed: int = 0


def prepare_incoming(warehouse: psycopg.Connection, reading: Reading) -> None:
    """Make the empty table that a copy fills."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(
            sql.Identifier(name),
            sql.SQL("numeric") if name in reading.mapping.money else column.type_sql,
        )
        for name, column in reading.table.columns.items()
    )
    _execute(warehouse, "drop table if exists pg_temp.incoming")
    _execute(warehouse, "create temp table incoming ({}) on commit drop", columns)


def check_incoming(warehouse: psycopg.Connection, reading: Reading) -> int:
    """Count what was read, refusing rows that no version can be made of."""
    key = f"{reading.table.name}.{reading.table.key}"
    checks = [*_empty(reading), *_inexact(reading)]
    counts = [
        sql.SQL("count(*) filter (where {})").format(condition)
        for _, condition in checks
    ]
    query = sql.SQL(
        "select count(*), count({0}) - count(distinct {0}), {1} from pg_temp.incoming"
    ).format(sql.Identifier(reading.table.key), sql.SQL(", ").join(counts))
    total, repeated, *wrong = warehouse.execute(query).fetchone() or (0, 0)
    reasons = [
        f"{reason} in {count} rows"
        for (reason, _), count in zip(checks, wrong, strict=True)
        if count
    ]
    if repeated:
        reasons.append(f"{key} is not unique: {repeated} rows too many")
    if reasons:
        raise ExtractError("; ".join(reasons))
    return int(total)


def _empty(reading: Reading) -> Iterator[tuple[str, sql.Composable]]:
    """Yield what is missing from a row, and the condition under which it is."""
    for name, column in reading.table.columns.items():
        if column.is_required:
            condition = sql.SQL("{} is null").format(sql.Identifier(name))
            yield f"{reading.table.name}.{name} is empty", condition


def _inexact(reading: Reading) -> Iterator[tuple[str, sql.Composable]]:
    """Yield why an amount cannot be kept, and the condition under which it cannot."""
    for name in reading.mapping.money:
        amount, place = sql.Identifier(name), f"{reading.table.name}.{name}"
        yield (
            f"{place} is finer than the currency's minor unit, or beyond 64 bits",
            # NaN is above every number to Postgres, so it fails the bound.
            sql.SQL("{0} <> trunc({0}) or not abs({0}) <= 9223372036854775807").format(
                amount
            ),
        )
        yield (
            f"{place} has no currency of three capital letters",
            sql.SQL(
                "{} is not null and (currency ~ '^[A-Z]{{3}}$') is not true"
            ).format(amount),
        )


_FIND_VERSIONS = """
    create temp table versions on commit drop as
    with hashed as (
        select
            {columns},
            {content_hash} as row_hash
        from pg_temp.incoming
    )

    select
        hashed.*,
        current.{key} as current_key
    from hashed
    {join} join (
        select {key}, row_hash from {relation} where valid_to is null
    ) as current on hashed.{key} = current.{key}
    where current.row_hash is distinct from hashed.row_hash
"""


def content_hash_sql(table: AppTable) -> sql.Composable:
    """Return the hash of a row's content, without nulls: columns may be added."""
    named = sql.SQL(", ").join(
        sql.SQL("{}, {}").format(sql.Literal(name), _typed(table, name))
        for name in table.content
    )
    return sql.SQL(
        "sha256(convert_to(jsonb_strip_nulls(jsonb_build_object({}))::text, 'UTF8'))"
    ).format(named)


def find_versions(
    warehouse: psycopg.Connection, table: AppTable, *, whole: bool
) -> Written:
    """Find what differs from the current rows; write nothing.

    Parameters
    ----------
    whole : bool
        What was read is all there is: current rows that are not in it are gone.
    """
    _execute(warehouse, "drop table if exists pg_temp.versions")
    _execute(
        warehouse,
        _FIND_VERSIONS,
        columns=sql.SQL(", ").join(
            sql.SQL("{} as {}").format(_typed(table, name), sql.Identifier(name))
            for name in table.columns
        ),
        content_hash=content_hash_sql(table),
        key=sql.Identifier(table.key),
        relation=table.relation,
        join=sql.SQL("full" if whole else "left"),
    )
    row = warehouse.execute(
        sql.SQL(
            "select count({key}), count(*) filter (where {key} = current_key), "
            "count(*) filter (where {key} is null) from pg_temp.versions"
        ).format(key=sql.Identifier(table.key))
    ).fetchone()
    return Written(*(row or ()))


def find_removed(
    warehouse: psycopg.Connection, table: AppTable, *, present: sql.Composable
) -> Written:
    """Find current rows whose keys are not in `present`; write nothing."""
    _execute(warehouse, "drop table if exists pg_temp.versions")
    _execute(
        warehouse,
        """
        create temp table versions on commit drop as
        select
            {nothing},
            null::bytea as row_hash,
            current.{key} as current_key
        from {relation} as current
        where
            current.valid_to is null
            and not exists (
                select from {present} as present where present.{key} = current.{key}
            )
        """,
        nothing=sql.SQL(", ").join(
            sql.SQL("null::{} as {}").format(column.type_sql, sql.Identifier(name))
            for name, column in table.columns.items()
        ),
        key=sql.Identifier(table.key),
        relation=table.relation,
        present=present,
    )
    row = warehouse.execute("select count(*) from pg_temp.versions").fetchone()
    return Written(removed=row[0] if row else 0)


def note_touched_days(
    warehouse: psycopg.Connection, table: AppTable, moment: Moment
) -> None:
    """Add the business days of the rows, as they were and as they become, to `touched`.

    A date that no marketplace has had or will have soon touches no day.
    """
    key = sql.Identifier(table.key)
    halves = [
        sql.SQL(
            "select versions.{}, {} as day from pg_temp.versions as versions"
        ).format(key, _day(table, name, moment.timezone, of="versions"))
        for name in table.days
    ] + [
        sql.SQL(
            "select stored.{key}, {day} as day from {relation} as stored "
            "inner join pg_temp.versions as versions "
            "on stored.{key} = versions.current_key and stored.valid_to is null"
        ).format(
            key=key,
            day=_day(table, name, moment.timezone, of="stored"),
            relation=table.relation,
        )
        for name in table.days
    ]
    _execute(
        warehouse,
        """
        insert into pg_temp.touched (event_name, occurred_on, row_count)
        select {event_name}, both_days.day, count(distinct both_days.{key})
        from ({halves}) as both_days
        where
            both_days.day >= '1970-01-01'
            and both_days.day < {snapshot_at}::date + 1100
        group by both_days.day
        """,
        event_name=sql.Literal(f"app:{table.name}"),
        key=key,
        halves=sql.SQL(" union all ").join(halves),
        snapshot_at=sql.Literal(moment.snapshot_at.isoformat()),
    )


_DATE_VERSIONS = """
    create temp table dated on commit drop as
    select
        versions.*,
        greatest(
            case
                when earliest.at is null
                    or least(versions.changed_at, {snapshot_at}) >= earliest.at
                    then least(versions.changed_at, {snapshot_at})
                else {snapshot_at}
            end,
            earliest.at
        ) as begins_at
    from pg_temp.versions as versions
    left join lateral (
        select
            coalesce(
                stored.valid_to, stored.valid_from + interval '1 microsecond'
            ) as at
        from {relation} as stored
        where stored.{key} = coalesce(versions.{key}, versions.current_key)
        order by stored.valid_from desc
        limit 1
    ) as earliest on true
"""

_CLOSE = """
    update {relation} as stored
    set valid_to = dated.begins_at, closed_by = {load_id}
    from pg_temp.dated as dated
    where stored.{key} = dated.current_key and stored.valid_to is null
"""

_OPEN = """
    insert into {relation} ({columns}, row_hash, valid_from, load_id)
    select {columns}, row_hash, begins_at, {load_id}
    from pg_temp.dated
    where {key} is not null
    order by {key}
"""


def write_versions(
    warehouse: psycopg.Connection, table: AppTable, moment: Moment
) -> None:
    """Close what ended and open what began; versions of a key never overlap.

    A version begins when its change stamp says, if that is possible: after the version
    before it began, and not after the snapshot. Otherwise it begins at the snapshot.
    """
    parts: dict[str, sql.Composable] = {
        "key": sql.Identifier(table.key),
        "relation": table.relation,
        "load_id": sql.Literal(moment.load_id),
        "columns": sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        "snapshot_at": sql.SQL("{}::timestamptz").format(
            sql.Literal(moment.snapshot_at.isoformat())
        ),
    }
    for statement in (_DATE_VERSIONS, _CLOSE, _OPEN):
        _execute(warehouse, statement, **parts)
    _execute(warehouse, "drop table pg_temp.dated")


def _typed(table: AppTable, name: str) -> sql.Composable:
    type_ = table.columns[name].type_sql
    return sql.SQL("{}::{}").format(sql.Identifier(name), type_)


def _day(table: AppTable, name: str, timezone: str, *, of: str) -> sql.Composable:
    column = sql.Identifier(of, name)
    if table.columns[name].type == "date":
        return column
    return sql.SQL("({} at time zone {})::date").format(column, sql.Literal(timezone))


def _execute(
    warehouse: psycopg.Connection,
    statement: str,
    *parts: sql.Composable,
    **named: sql.Composable,
) -> None:
    # The statements of this module are constants; only their parts vary.
    warehouse.execute(sql.SQL(statement).format(*parts, **named))  # type: ignore[arg-type]
