"""Members: stays of persons in segments, opened and closed where a day differs.

The stays after a day are a function of the stays before it and of what holds on it. So
the newest day can be evaluated as often as its data changes, and ends up as if only the
last time had been; a day before the newest is history and is refused.
"""

from collections.abc import Sequence
from datetime import date
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from orchestration.segments.facts import make_facts


class EarlierDayError(ValueError):
    """A day before the newest evaluated one: its stays are history."""


class Segment(NamedTuple):
    """A segment as the registry has it in force."""

    segment_id: str
    version: int
    predicate_sql: str


def evaluate(
    connection: psycopg.Connection,
    *,
    as_of: date,
    timezone: str,
    segments: Sequence[Segment],
    basis: str = "",
) -> int:
    """Open and close stays as of a day, in one transaction; return the rows changed.

    The same day on the same data changes nothing. Two at once wait for each other.
    Segments that are no longer defined lose all their members.

    Parameters
    ----------
    basis : str
        What the evaluation was made of, to tell whether another could differ.

    Raises
    ------
    EarlierDayError
        If a later day was evaluated already.
    """
    with connection.transaction():
        connection.execute("lock table segments.members in share row exclusive mode")
        newest = newest_day(connection)
        if newest is not None and as_of < newest:
            msg = f"{as_of} is before {newest}, which was evaluated already"
            raise EarlierDayError(msg)
        make_facts(connection, as_of=as_of, timezone=timezone)
        _find_standing(connection, segments)
        changed = sum(
            connection.execute(
                sql.SQL(statement).format(day=sql.Literal(as_of))
            ).rowcount
            for statement in _DIFFERENCE
        )
        connection.execute(
            """
            insert into segments.evaluations as stored (day, basis) values (%s, %s)
            on conflict (day) do update
            set basis = excluded.basis, evaluated_at = clock_timestamp()
            where stored.basis <> excluded.basis
            """,
            (as_of, basis),
        )
    return changed


def newest_day(connection: psycopg.Connection) -> date | None:
    """Return the newest evaluated day; None before the first."""
    row = connection.execute("select max(day) from segments.evaluations").fetchone()
    return row[0] if row else None


def forget_members(connection: psycopg.Connection, person_ids: Sequence[str]) -> int:
    """Delete every stay of erased persons; return how many there were.

    Counts of past days stay: they name nobody.
    """
    return connection.execute(
        "delete from segments.members where person_id = any(%s)", (list(person_ids),)
    ).rowcount


def _find_standing(connection: psycopg.Connection, segments: Sequence[Segment]) -> None:
    """Make the temporary tables of the segments in force and of who stands in them."""
    connection.execute("drop table if exists pg_temp.defined")
    connection.execute(
        """
        create temporary table defined on commit drop as
        select * from unnest(%s::text[], %s::integer[]) as defined (segment_id, version)
        """,
        (
            [segment.segment_id for segment in segments],
            [segment.version for segment in segments],
        ),
    )
    rules = [
        sql.SQL("({}, ({}))").format(
            sql.Literal(segment.segment_id),
            # The registry compiled and read back this text: literals and operators.
            sql.SQL(segment.predicate_sql),  # type: ignore[arg-type]
        )
        for segment in segments
    ] or [sql.SQL("(null::text, false)")]
    connection.execute("drop table if exists pg_temp.standing")
    # Handed over without parameters: a percent sign in a rule is a percent sign.
    connection.execute(
        sql.SQL(_STANDING).format(rules=sql.SQL(",\n        ").join(rules))
    )
    connection.execute("analyze pg_temp.standing")


# One pass over the facts, whatever the number of segments.
_STANDING = """
    create temporary table standing on commit drop as
    select
        held.segment_id,
        facts.person_id
    from pg_temp.person_facts as facts
    cross join lateral (
        values
        {rules}
    ) as held (segment_id, is_member)
    where held.is_member
"""

_DIFFERENCE: tuple[LiteralString, ...] = (
    # What an evaluation of this very day opened or closed, and would not any more.
    """
    delete from segments.members as stays
    where
        stays.entered_on = {day}
        and not exists (
            select from pg_temp.standing as standing
            where
                standing.segment_id = stays.segment_id
                and standing.person_id = stays.person_id
        )
    """,
    """
    update segments.members as stays
    set left_on = null
    from pg_temp.standing as standing
    where
        stays.left_on = {day}
        and standing.segment_id = stays.segment_id
        and standing.person_id = stays.person_id
    """,
    """
    update segments.members as stays
    set definition_version = defined.version
    from pg_temp.defined as defined
    where
        stays.entered_on = {day}
        and defined.segment_id = stays.segment_id
        and defined.version <> stays.definition_version
    """,
    # What differs from the day before.
    """
    update segments.members as stays
    set left_on = {day}
    where
        stays.left_on is null
        and not exists (
            select from pg_temp.standing as standing
            where
                standing.segment_id = stays.segment_id
                and standing.person_id = stays.person_id
        )
    """,
    """
    insert into segments.members (
        segment_id, person_id, entered_on, definition_version
    )
    select
        standing.segment_id,
        standing.person_id,
        {day},
        defined.version
    from pg_temp.standing as standing
    inner join pg_temp.defined as defined using (segment_id)
    where not exists (
        select from segments.members as stays
        where
            stays.left_on is null
            and stays.segment_id = standing.segment_id
            and stays.person_id = standing.person_id
    )
    """,
    """
    delete from segments.sizes
    where
        day = {day}
        and segment_id not in (select segment_id from pg_temp.defined)
    """,
    """
    insert into segments.sizes as stored (
        segment_id, day, definition_version, member_count, entered_count, left_count
    )
    select
        defined.segment_id,
        {day},
        defined.version,
        count(stays.person_id) filter (where stays.left_on is null),
        count(*) filter (where stays.entered_on = {day}),
        count(*) filter (where stays.left_on = {day})
    from pg_temp.defined as defined
    left join segments.members as stays
        on
            stays.segment_id = defined.segment_id
            and (stays.left_on is null or stays.left_on = {day})
    group by defined.segment_id, defined.version
    on conflict (segment_id, day) do update
    set
        definition_version = excluded.definition_version,
        member_count = excluded.member_count,
        entered_count = excluded.entered_count,
        left_count = excluded.left_count
    where stored.* is distinct from excluded.*
    """,
)
