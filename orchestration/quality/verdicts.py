"""Verdicts: what checks said of a build, kept where the publisher asks for it.

In the warehouse and not in the orchestrator: a publisher that comes late, alone or a
second time finds out whether the build that it is about to publish was checked.
"""

from collections.abc import Sequence
from datetime import date

import psycopg


def built_days(connection: psycopg.Connection, *, build_id: int | None) -> list[date]:
    """Return the days whose raw events changed in a build."""
    rows = connection.execute(
        """
        select distinct day from ops.changed
        where model in ('raw.events', '*') and build_id = %s
        order by day
        """,
        (build_id,),
    )
    return [day for (day,) in rows]


def record_verdict(
    connection: psycopg.Connection, *, build_id: int, check: str, passed: bool
) -> None:
    """Keep what a check said of a build; the last word counts."""
    connection.execute(
        """
        insert into ops.build_checks (build_id, check_name, passed)
        values (%s, %s, %s)
        on conflict (build_id, check_name) do update
        set passed = excluded.passed, checked_at = clock_timestamp()
        """,
        (build_id, check, passed),
    )


def unproven(
    connection: psycopg.Connection, *, build_id: int | None, checks: Sequence[str]
) -> tuple[str, ...]:
    """Return the checks that failed on a build or were never run on it."""
    rows = connection.execute(
        "select check_name, passed from ops.build_checks where build_id = %s",
        (build_id,),
    )
    verdicts = dict(rows.fetchall())
    return tuple(
        check if check in verdicts else f"{check} (not run)"
        for check in checks
        if not verdicts.get(check)
    )
