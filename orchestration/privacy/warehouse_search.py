"""The search through a database: every column of every relation, known to us or not."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import psycopg
from psycopg import sql

from orchestration.privacy.needles import Needles

_RELATIONS = """
    select
        schemas.nspname,
        tables.relname,
        coalesce(
            (
                select parent_schemas.nspname || '.' || parents.relname
                from pg_inherits as children
                inner join pg_class as parents on children.inhparent = parents.oid
                inner join pg_namespace as parent_schemas
                    on parents.relnamespace = parent_schemas.oid
                where children.inhrelid = tables.oid
                limit 1
            ),
            schemas.nspname || '.' || tables.relname
        ) as place,
        coalesce(array_agg(columns.attname::text order by columns.attnum) filter (
            where columns.atttypid = 'bytea'::regtype
        ), '{}') as bytes,
        count(columns.attname)
    from pg_class as tables
    inner join pg_namespace as schemas on tables.relnamespace = schemas.oid
    left join pg_attribute as columns
        on
            columns.attrelid = tables.oid
            and columns.attnum > 0
            and not columns.attisdropped
    where
        tables.relkind in ('r', 'm')
        and schemas.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
        and schemas.nspname not like 'pg\\_temp%'
        and schemas.nspname not like 'pg\\_toast%'
    group by tables.oid, schemas.nspname, tables.relname
    order by 1, 2
"""

# What the planner remembers of a column: values that were frequent, and samples.
_STATISTICS = """
    select schemaname || '.' || tablename
    from pg_catalog.pg_stats
    where concat_ws(
        ' ', most_common_vals::text, histogram_bounds::text, most_common_elems::text
    ) ~ %s
"""


class Searched(NamedTuple):
    """What a search found: rows by place, and how much it looked at."""

    hits: dict[str, int]
    relation_count: int
    column_count: int


def search_database(
    connection: psycopg.Connection, needles: Needles, *, ignoring: Collection[str] = ()
) -> Searched:
    """Count the rows that name the person, by place; partitions count as their parent.

    Parameters
    ----------
    ignoring : collection of str
        Places to leave out, such as the running erasure's own notes.
    """
    hits: Counter[str] = Counter()
    relations = connection.execute(_RELATIONS).fetchall()
    for schema, name, place, byte_columns, _ in relations:
        if place in ignoring:
            continue
        statement = _row_search(sql.Identifier(schema, name), byte_columns)
        for pattern in needles.sql_patterns():
            row = connection.execute(statement, {"pattern": pattern}).fetchone()
            hits[place] += row[0] if row else 0
    for pattern in needles.sql_patterns():
        for (place,) in connection.execute(_STATISTICS, (pattern,)):
            hits[f"{place}, statistics"] += 1
    return Searched(
        hits={place: count for place, count in hits.items() if count},
        relation_count=len(relations),
        column_count=sum(columns for *_, columns in relations),
    )


def _row_search(table: sql.Identifier, byte_columns: list[str]) -> sql.Composed:
    """Count rows by their JSON, in which names stand beside values, and their bytes."""
    texts = [
        sql.SQL("(to_jsonb(searched) - {}::text[])::text").format(
            sql.Literal(byte_columns)
        ),
        *(
            sql.SQL("encode(searched.{}, 'escape')").format(sql.Identifier(name))
            for name in byte_columns
        ),
    ]
    return sql.SQL(
        "select count(*) from {} as searched where concat_ws(' ', {}) ~ %(pattern)s"
    ).format(table, sql.SQL(", ").join(texts))
