"""Impact: how many rows that readers saw change because of who is who."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from orchestration.quality.differences import Scope
from orchestration.quality.published_tables import PublishedTable, names
from orchestration.transform.extents import day_literals


def count_moved_rows(
    connection: psycopg.Connection,
    table: PublishedTable,
    *,
    scope: Scope,
    columns: Sequence[str],
) -> int:
    """Count the rows of `stale_days` that identity changed; add them to its run.

    Called before the rows are replaced. On a day that has news besides, only rows of
    persons who are called something else are certain to be identity's doing.
    """
    given = {"after": scope.after_build, "up_to": scope.up_to_build}
    found = connection.execute(_DAYS, given).fetchall()
    # Literals, or a few days of many would be looked for in all rows.
    statement = sql.SQL(_MOVED).format(
        days=day_literals(day for day, _ in found),
        rows=scope.rows_of(table),
        quiet_days=day_literals(day for day, has_news in found if not has_news),
        names=names(columns),
        key=names(table.key, "differing"),
        data=table.data,
        mart=table.mart,
        day=sql.Identifier(table.day or ""),
        is_renamed=sql.SQL(_IS_RENAMED if "person_id" in columns else "false"),
    )
    row = connection.execute(statement, given).fetchone() if found else None
    count = int(row[0]) if row else 0
    connection.execute(_NOTE, {**given, "count": count})
    return count


_DAYS = """
    select
        changed.day,
        bool_or(changed.model <> 'identity.device_owners') as has_news
    from ops.changed as changed
    inner join stale_days using (day)
    where
        changed.build_id > %(after)s
        and changed.build_id <= %(up_to)s
        and (
            starts_with(changed.model, 'raw.')
            or changed.model in ('identity.device_owners', '*')
        )
    group by changed.day
    having bool_or(changed.model = 'identity.device_owners')
    order by changed.day
"""

_MOVED = """
    with seen as (
        select {names} from {data}
        where {day} in ({days}) and {rows}
    ),

    made as (
        select {names} from {mart}
        where {day} in ({days}) and {rows}
    ),

    differing as (
        (select * from seen except select * from made)
        union all
        (select * from made except select * from seen)
    )

    select count(distinct ({key}))
    from differing
    where differing.{day} in ({quiet_days}) or {is_renamed}
"""

_IS_RENAMED = """
    differing.person_id in (
        select renamed.person_id
        from identity.person_id_changes as logged
        cross join lateral (
            values (logged.before_person_id), (logged.after_person_id)
        ) as renamed (person_id)
        where logged.build_id > %(after)s and logged.build_id <= %(up_to)s
    )
"""

_NOTE = """
    update identity.runs
    set published_row_count = coalesce(published_row_count, 0) + %(count)s
    where build_id = (
        select max(build_id) from identity.runs
        where build_id > %(after)s and build_id <= %(up_to)s
    )
"""
