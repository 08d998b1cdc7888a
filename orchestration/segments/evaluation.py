"""Evaluation: which days are due, and bringing the members up to the last whole one.

The day is the last one that is over in every source of the last build, as publishing
sees it. Days that were missed are made up for one by one, so that an outage leaves no
hole; a first evaluation begins with the last day and knows nothing of before.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg

from orchestration.quality.completeness import last_whole_day, source_watermarks
from orchestration.segments.facts import facts_sql
from orchestration.segments.members import Segment, evaluate, newest_day

# Of a longer gap only the newest days are made up for.
MOST_DAYS = 31


@dataclass(frozen=True)
class Evaluation:
    """What was evaluated.

    Attributes
    ----------
    days : tuple of date
        Those evaluated now; none if nothing could differ.
    changed_count : int
        Rows opened, closed or counted anew.
    reason : str or None
        Why there was nothing to do.
    """

    days: tuple[date, ...] = ()
    changed_count: int = 0
    reason: str | None = None


def bring_up_to_date(connection: psycopg.Connection, *, timezone: str) -> Evaluation:
    """Evaluate the days that are due; each is a transaction of its own.

    A build that follows waits for the day in work.
    """
    with connection.transaction():
        build_id = _keep_build(connection)
        if build_id is None:
            return Evaluation(reason="the last build did not succeed, or there is none")
        sources = source_watermarks(connection, build_id=build_id)
        as_of = last_whole_day(min(sources.values(), default=None), timezone=timezone)
        newest = newest_day(connection)
    if as_of is None:
        return Evaluation(reason="no source says how far it is complete")
    days = days_due(newest=newest, as_of=as_of)
    if not days:
        return Evaluation(reason=f"{newest} was evaluated, after {as_of}")
    done: list[date] = []
    changed_count = 0
    for day in days:
        with connection.transaction():
            if _keep_build(connection) != build_id:
                break
            segments = read_segments(connection)
            basis = basis_of(build_id, segments, timezone=timezone)
            if _is_known(connection, day, basis):
                return Evaluation(reason=f"{day} was evaluated on the same build")
            changed_count += evaluate(
                connection,
                as_of=day,
                timezone=timezone,
                segments=segments,
                basis=basis,
            )
        done.append(day)
    return Evaluation(tuple(done), changed_count)


def days_due(*, newest: date | None, as_of: date) -> list[date]:
    """Return the days to evaluate: none if a later one was, the newest day again."""
    if newest is not None and as_of < newest:
        return []
    if newest is None or newest == as_of:
        return [as_of]
    missed = min((as_of - newest).days, MOST_DAYS)
    return [as_of - timedelta(days=ago) for ago in reversed(range(missed))]


def read_segments(connection: psycopg.Connection) -> list[Segment]:
    """Return the segments in force."""
    rows = connection.execute(
        "select segment_id, version, predicate_sql from registry.segments "
        "order by segment_id"
    )
    return [Segment(*row) for row in rows]


def basis_of(build_id: int, segments: list[Segment], *, timezone: str) -> str:
    """Return what a day's evaluation depends on: build, rules, and our own SQL."""
    made_of = [
        build_id,
        segments,
        facts_sql(as_of=date(2000, 1, 1), timezone=timezone).as_string(),
    ]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _is_known(connection: psycopg.Connection, day: date, basis: str) -> bool:
    row = connection.execute(
        "select from segments.evaluations where day = %s and basis = %s", (day, basis)
    ).fetchone()
    return row is not None


def _keep_build(connection: psycopg.Connection) -> int | None:
    """Return the last build if it succeeded, and keep it last until we commit."""
    # Locked first and read after: a join would be judged by the row before the wait.
    connection.execute("select build_id from ops.current_build for share")
    row = connection.execute(
        """
        select builds.build_id
        from ops.current_build
        inner join ops.builds as builds using (build_id)
        where builds.state = 'succeeded' and builds.is_full_selection
        """
    ).fetchone()
    return int(row[0]) if row else None
