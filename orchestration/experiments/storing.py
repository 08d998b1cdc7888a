"""Results as tables of the warehouse, changed by difference; and what readers see."""

from collections.abc import Sequence
from dataclasses import astuple, fields

import psycopg
from psycopg import sql

from orchestration.experiments.arms import Counted
from orchestration.experiments.assignment_audit import Assigned, audit_assignments
from orchestration.experiments.counts import read_counts
from orchestration.experiments.results import (
    DimensionResult,
    Result,
    conclude_results,
    estimate_within,
)

KEYS = {
    "experiment_results": ("experiment_id", "metric_name", "variant"),
    "experiment_results_by_dimension": (
        *("experiment_id", "metric_name", "variant"),
        *("dimension", "dimension_value"),
    ),
    "assignments": ("experiment_id", "phase", "variant", "expected_variant"),
}
_ROWS = {
    "experiment_results": Result,
    "experiment_results_by_dimension": DimensionResult,
    "assignments": Assigned,
}


def analyse(
    connection: psycopg.Connection, *, timezone: str
) -> tuple[list[Result], int]:
    """Compare every arm of every experiment and store it; say how many rows changed.

    Parameters
    ----------
    timezone : str
        Of the reporting days.
    """
    counted: list[Counted] = read_counts(connection, timezone=timezone)
    results = conclude_results(counted)
    changed = store_results(connection, results)
    changed += store_results(
        connection, estimate_within(counted), table="experiment_results_by_dimension"
    )
    changed += store_results(
        connection, audit_assignments(connection), table="assignments"
    )
    return results, changed


def store_results(
    connection: psycopg.Connection,
    results: Sequence[DimensionResult | Assigned],
    *,
    table: str = "experiment_results",
) -> int:
    """Make the table hold exactly these results; return how many rows changed.

    The same results change nothing. One transaction, two at once wait for each other.
    """
    names = [each.name for each in fields(_ROWS[table])]
    terms = {
        "table": sql.Identifier("experiments", table),
        "key": sql.SQL(", ").join(map(sql.Identifier, KEYS[table])),
        "columns": sql.SQL(", ").join(map(sql.Identifier, names)),
        "values": sql.SQL(", ").join(sql.Placeholder() * len(names)),
    }
    same_row = sql.SQL(
        "(results.*) is not distinct from (fresh.*) and ({ours}) = ({theirs})"
    ).format(
        ours=_qualified("results", KEYS[table]), theirs=_qualified("fresh", KEYS[table])
    )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("lock table {table} in share row exclusive mode").format(**terms)
        )
        cursor.execute(
            sql.SQL("create temp table fresh (like {table}) on commit drop").format(
                **terms
            )
        )
        cursor.executemany(
            sql.SQL("insert into fresh ({columns}) values ({values})").format(**terms),
            [astuple(each) for each in results],
        )
        removed = cursor.execute(
            sql.SQL(
                "delete from {table} as results "
                "where not exists (select from fresh where {same_row})"
            ).format(same_row=same_row, **terms)
        ).rowcount
        added = cursor.execute(
            sql.SQL(
                "insert into {table} select fresh.* from fresh where not exists "
                "(select from {table} as results where {same_row})"
            ).format(same_row=same_row, **terms)
        ).rowcount
        cursor.execute("drop table fresh")
    return max(removed, added)


def _qualified(relation: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(relation, name) for name in names)
