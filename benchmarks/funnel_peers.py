"""The same funnel elsewhere: DuckDB, and the self-joins of dbt_product_analytics."""

import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import sql


def duckdb_counts(
    connection: psycopg.Connection, *, steps: int, window: timedelta
) -> tuple[list[int], float]:
    """Return units per step by day of entry, and the seconds it took in DuckDB.

    An ordered funnel with one window needs only the next hit of each step: asof joins,
    then the deepest and earliest start of a unit and day.
    """
    import duckdb  # noqa: PLC0415 - a peer, and for developers only

    with tempfile.TemporaryDirectory(prefix="daybook-peer-") as folder:
        path = Path(folder) / "hits.csv"
        copy = (
            "copy (select person, extract(epoch from occurred_at), mask "
            "from plain_hits) to stdout (format csv)"
        )
        with path.open("wb") as file, connection.cursor().copy(copy) as rows:
            for block in rows:
                file.write(block)
        with duckdb.connect() as database:
            database.execute("set threads = 1")
            database.execute(
                "create table hits (person varchar, happened double, mask integer)"
            )
            database.execute(f"copy hits from '{path}'")
            began = time.perf_counter()
            found = database.execute(_asof(steps, window)).fetchone()
            seconds = time.perf_counter() - began
    return list(found or ()), seconds


def _asof(steps: int, window: timedelta) -> str:
    """Return the query: from every start the next hit of each step, one by one."""
    limit = window.total_seconds()
    tables = [
        f"s{step} as (select person, happened from hits "
        f"where mask & {1 << (step - 1)} <> 0)"
        for step in range(1, steps + 1)
    ]
    paths = [
        "p1 as (select person, happened as start, happened as last, 1 as depth from s1)"
    ]
    for step in range(2, steps + 1):
        is_reached = (
            f"p.depth = {step - 1} and s.happened is not null "
            f"and s.happened <= p.start + {limit}"
        )
        paths.append(
            f"p{step} as (select p.person, p.start, "
            f"case when {is_reached} then s.happened else p.last end as last, "
            f"case when {is_reached} then {step} else p.depth end as depth "
            f"from p{step - 1} as p asof left join s{step} as s "
            "on p.person = s.person and s.happened >= p.last)"
        )
    counts = ", ".join(
        f"count(*) filter (where depth >= {step})" for step in range(1, steps + 1)
    )
    return (
        f"with {', '.join([*tables, *paths])}, "
        f"best as (select max(depth) as depth from p{steps} "
        f"group by person, floor(start / 86400)) select {counts} from best"
    )


def self_join_counts(
    connection: psycopg.Connection, *, steps: int, window: timedelta
) -> tuple[list[int], float]:
    """Return units per step and the seconds, by joins of hits with hits.

    Each step is joined with the one before it alone and has no window, so it answers
    another question, and counts units of all days.
    """
    del window
    began = time.perf_counter()
    counts = []
    for step in range(1, steps + 1):
        joined = sql.SQL(
            "inner join plain_hits as previous on hits.person = previous.person "
            "and previous.mask & {bit} <> 0 "
            "and previous.occurred_at <= hits.occurred_at"
        ).format(bit=sql.Literal(1 << (step - 2) if step > 1 else 0))
        row = connection.execute(
            sql.SQL(
                "select count(distinct hits.person) from plain_hits as hits {joined} "
                "where hits.mask & {bit} <> 0"
            ).format(
                joined=joined if step > 1 else sql.SQL(""),
                bit=sql.Literal(1 << (step - 1)),
            )
        ).fetchone()
        counts.append(row[0] if row else 0)
    return counts, time.perf_counter() - began
