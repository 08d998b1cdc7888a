"""Conservation, as every run can afford to look: rows of raw against the ledger.

`ops.conservation()` counts all that there is. Here rows are counted of days that no
build has settled, the only ones that loads changed; of any other day it is seen that
it is still there, and every night a sample of them is counted.
"""

from datetime import date

import psycopg
from psycopg import sql

from orchestration.transform.extents import day_literals


def find_lost_rows(connection: psycopg.Connection) -> dict[str, int]:
    """Return where rows and ledger differ, and by how many rows.

    Returns
    -------
    dict of str to int
        By source, what loads counted and what they say their days gained; by day, what
        is stored and what the day gained. Of a day that is gone, -1 at least.
    """
    unsettled = connection.execute(
        "select distinct occurred_on from ops.touched_days where settled_by is null"
    )
    days = [day for (day,) in unsettled]
    found = dict(connection.execute(_BETWEEN_LEDGERS).fetchall())
    for query in (_MISCOUNTED, _GONE):
        statement = sql.SQL(query).format(days=day_literals(days))
        rows: list[tuple[date, int]] = connection.execute(statement).fetchall()
        found.update((day.isoformat(), difference) for day, difference in rows)
    return found


_BETWEEN_LEDGERS = """
    with gained as (
        select load_id, sum(row_change) as row_change
        from ops.touched_days
        group by load_id
    )

    select
        loads.source,
        sum(
            coalesce(gained.row_change, 0) + loads.replaced_count + loads.removed_count
            - loads.accepted_count - loads.released_count
        )::bigint as difference
    from ops.loads as loads
    left join gained using (load_id)
    where loads.kind <> 'extract'
    group by loads.source
    having sum(
        coalesce(gained.row_change, 0) + loads.replaced_count + loads.removed_count
        - loads.accepted_count - loads.released_count
    ) <> 0
"""

_MISCOUNTED = """
    with gained as (
        select occurred_on, sum(row_change) as row_count
        from ops.touched_days
        where occurred_on in ({days})
        group by occurred_on
    ),

    stored as (
        select occurred_on, count(*) as row_count
        from raw.events
        where occurred_on in ({days})
        group by occurred_on
    )

    select
        occurred_on,
        (coalesce(stored.row_count, 0) - coalesce(gained.row_count, 0))::bigint
    from gained
    full join stored using (occurred_on)
    where coalesce(stored.row_count, 0) <> coalesce(gained.row_count, 0)
"""

_GONE = """
    select gained.occurred_on, -1
    from (
        select occurred_on
        from ops.touched_days
        where (occurred_on in ({days})) is not true
        group by occurred_on
        having sum(row_change) > 0
    ) as gained
    where not exists (
        select from raw.events as events
        where events.occurred_on = gained.occurred_on
        -- Looks into one partition for each day: a join would read every row.
        offset 0
    )
"""
