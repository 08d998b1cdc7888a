"""Restatements: what changed in a day after it had been final, and by how much."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from orchestration.quality.differences import Scope
from orchestration.quality.published_tables import PublishedTable
from orchestration.transform.extents import day_literals


def record_restatements(
    connection: psycopg.Connection,
    table: PublishedTable,
    *,
    scope: Scope,
    publication_id: int,
    columns: Sequence[str],
) -> int:
    """Write the ledger for the days in `stale_days` that readers saw as final.

    Called before the rows are replaced and before the status moves on. A day of which
    only columns differ that readers did not have before is no restatement.

    Parameters
    ----------
    columns : sequence of str
        The columns that readers had before, the key among them.

    Returns
    -------
    int
        How many days were restated.
    """
    is_final = table.is_final_on(sql.Identifier("stale_days", "day"))
    final_days = connection.execute(sql.SQL(_FINAL_DAYS).format(is_final=is_final))
    days = [day for (day,) in final_days]
    if not days:
        return 0
    values = [name for name in columns if name not in table.key]
    pairs = [
        sql.SQL("{name}, count(*) filter (where {differs})").format(
            name=sql.Literal(name),
            differs=sql.SQL(
                "seen.is_there and made.is_there and {} is distinct from {}"
            ).format(sql.Identifier("seen", name), sql.Identifier("made", name)),
        )
        for name in values
    ]
    recorded = connection.execute(
        sql.SQL(_RECORD).format(
            data=table.data,
            mart=table.mart,
            day=sql.Identifier(table.day or ""),
            name=sql.Literal(table.name),
            days=day_literals(days),
            rows=scope.rows_of(table),
            key=sql.SQL(", ").join([sql.Identifier(name) for name in table.key]),
            pairs=sql.SQL(", ").join(pairs),
            publication_id=sql.Literal(publication_id),
        )
    )
    return recorded.rowcount


_FINAL_DAYS = """
    select stale_days.day
    from stale_days
    cross join published.status as status
    where {is_final}
    order by stale_days.day
"""

# A key with a null joins nothing and counts as removed and added.
_RECORD = """
    insert into ops.restatements (
        publication_id, build_id, table_name, day,
        before_row_count, after_row_count, before_digest, after_digest,
        added_count, removed_count, value_differences, reason
    )
    with final_days as (
        select *
        from stale_days
        where day in ({days})
    ),

    seen as (
        select true as is_there, {day} as stale_day, listed.*
        from {data} as listed
        where {day} in ({days}) and {rows}
    ),

    made as (
        select true as is_there, {day} as stale_day, listed.*
        from {mart} as listed
        where {day} in ({days}) and {rows}
    ),

    compared as (
        select
            stale_day as day,
            count(*) filter (where seen.is_there is null) as added_count,
            count(*) filter (where made.is_there is null) as removed_count,
            jsonb_build_object({pairs}) as value_differences
        from seen
        full join made using (stale_day, {key})
        group by stale_day
    ),

    counted as (
        select
            compared.*,
            (
                select coalesce(sum(differences.value::bigint), 0)
                from jsonb_each_text(compared.value_differences) as differences
            ) as difference_count
        from compared
    )

    select
        {publication_id},
        publications.build_id,
        {name},
        final_days.day,
        final_days.before_row_count,
        final_days.after_row_count,
        final_days.before_digest,
        final_days.after_digest,
        counted.added_count,
        counted.removed_count,
        counted.value_differences,
        case
            when exists (
                select from ops.builds as builds
                where
                    builds.build_id > coalesce(status.build_id, 0)
                    and builds.build_id <= publications.build_id
                    and {name} = any(builds.refreshed_models)
            ) then 'its definition changed'
            -- Models of funnels stay while a funnel of theirs is made anew.
            when starts_with({name}, 'funnel_') and exists (
                select from ops.builds as builds
                cross join unnest(builds.refreshed_models) as made (model)
                where
                    builds.build_id > coalesce(status.build_id, 0)
                    and builds.build_id <= publications.build_id
                    and starts_with(made.model, 'funnel ')
            ) then 'the definition of a funnel changed'
            else coalesce(
                (
                    select
                        'loads of ' || string_agg(
                            distinct loads.source || ' (' || loads.kind || ')', ', '
                        )
                    from ops.touched_days as touched
                    inner join ops.loads as loads using (load_id)
                    where
                        touched.occurred_on = final_days.day
                        and touched.settled_by > coalesce(status.build_id, 0)
                        and touched.settled_by <= publications.build_id
                ),
                'rows of other days'
            )
        end
    from final_days
    inner join counted using (day)
    cross join published.status as status
    inner join ops.publications as publications
        on publications.publication_id = {publication_id}
    where
        counted.added_count > 0
        or counted.removed_count > 0
        or counted.difference_count > 0
"""
