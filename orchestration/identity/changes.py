"""Changes: what a run of identity made of persons that were known under another name.

The log is history and is not made anew by a rebuild.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from orchestration.identity.rules import Rules


@dataclass(frozen=True)
class Run:
    """One run of identity: for which build, by which rules, over what."""

    build_id: int
    rules: Rules
    timezone: str
    is_full: bool


@dataclass(frozen=True)
class Prepared:
    """What the prepare stage did.

    Attributes
    ----------
    evidence_count : int
        Runs of an identifier on a device that came.
    device_count : int
        Devices whose owners were decided anew.
    stale_days : tuple of date
        Days on which an event or an action went to another person.
    edge_count, resolved_count : int
        How much of the graph was read, and how many identifiers it holds.
    merge_count, split_count, rename_count : int
        Persons that are called something else, by what became of them.
    refusals : dict of str to int
        Edges of the whole graph that merge nobody, by reason.
    """

    evidence_count: int
    device_count: int
    stale_days: tuple[date, ...]
    edge_count: int = 0
    resolved_count: int = 0
    person_count: int = 0
    merge_count: int = 0
    split_count: int = 0
    rename_count: int = 0
    refusals: dict[str, int] = field(default_factory=dict)

    def rows(self) -> list[dict[str, str | int]]:
        """Return a small table for a person."""
        told = {
            "persons of several identifiers": self.person_count,
            "persons merged": self.merge_count,
            "persons split": self.split_count,
            "persons renamed": self.rename_count,
            "devices with other owners": self.device_count,
            "days with other owners": len(self.stale_days),
            **{f"refused: {why}": count for why, count in self.refusals.items()},
        }
        return [{"what": what, "count": count} for what, count in told.items()]


def log_changes(connection: psycopg.Connection, *, build_id: int) -> dict[str, int]:
    """Write who is called something else now; return how many, by kind."""
    connection.execute(_LOG, {"build_id": build_id})
    rows = connection.execute(_COUNT_CHANGES, {"build_id": build_id}).fetchone()
    merged, split, renamed = rows or (0, 0, 0)
    return {"merged": merged, "split": split, "renamed": renamed}


def forget_changes(connection: psycopg.Connection, person_ids: Sequence[str]) -> int:
    """Delete what the log says of erased persons; return how many rows it said."""
    return connection.execute(
        """
        delete from identity.person_id_changes
        where before_person_id = any(%(ids)s) or after_person_id = any(%(ids)s)
        """,
        {"ids": list(person_ids)},
    ).rowcount


def count_persons(connection: psycopg.Connection) -> tuple[int, dict[str, int]]:
    """Return how many persons have edges, and the refused edges by reason."""
    row = connection.execute(
        "select count(*) from identity.persons where is_canonical"
    ).fetchone()
    refusals = connection.execute(
        """
        select refusal, count(*) from identity.edges
        where refusal is not null
        group by refusal
        order by refusal
        """
    ).fetchall()
    return int(row[0]) if row else 0, dict(refusals)


def record_run(connection: psycopg.Connection, prepared: Prepared, run: Run) -> None:
    """Write the run, one row per build."""
    connection.execute(
        """
        insert into identity.runs values (
            %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
        )
        """,
        (
            run.build_id,
            run.rules.version,
            run.is_full,
            prepared.edge_count,
            prepared.resolved_count,
            prepared.person_count,
            prepared.merge_count,
            prepared.split_count,
            prepared.rename_count,
            prepared.device_count,
            len(prepared.stale_days),
            Jsonb(prepared.refusals),
        ),
    )


def mark_devices(connection: psycopg.Connection) -> None:
    """Add the devices of identifiers that are another person's to `stale_devices`."""
    for statement in _MARK:
        connection.execute(statement)


def stale_alias_days(
    connection: psycopg.Connection,
    *,
    build_id: int,
    timezone: str,
    instants: Sequence[tuple[str, str, str]],
) -> list[date]:
    """Return the days of users who are called something else, and mark them changed.

    And the persons, as they were and as they are.

    Where a person has one user id, which is the default, nobody is and nothing is
    read. Otherwise all of raw is: whoever allows several pays for their merges.

    Parameters
    ----------
    instants : sequence of (table, user column, instant column)
        Where the app says what its users did.
    """
    row = connection.execute(_RENAMED_USERS, {"build_id": build_id}).fetchone()
    if row is None or not row[0]:
        return []
    parts: list[sql.Composable] = [sql.SQL(_USER_EVENTS)]
    parts += [
        sql.SQL(_USER_ACTIONS).format(
            instant=sql.Identifier(instant),
            table=sql.Identifier(*table.split(".")),
            column=sql.Identifier(column),
        )
        for table, column, instant in instants
    ]
    rows = connection.execute(
        sql.SQL(_ALIAS_DAYS).format(stale=sql.SQL(" union ").join(parts)),
        {"users": row[0], "timezone": timezone, "build_id": build_id},
    ).fetchall()
    return [day for (day,) in rows]


_RENAMED_USERS = """
    with renamed as (
        select
            identifier,
            coalesce(before_key, 'user ' || identifier) as before_key,
            coalesce(after_key, 'user ' || identifier) as after_key
        from stale_persons
        where
            identifier_type = 'user'
            and coalesce(before_key, 'user ' || identifier)
            <> coalesce(after_key, 'user ' || identifier)
    ),

    written as (
        insert into ops.changed_units (build_id, model, unit_key)
        select distinct
            %(build_id)s::bigint, 'identity.device_owners', keys.person_key
        from renamed
        cross join lateral unnest(
            array[before_key, after_key, 'user ' || identifier]
        ) as keys (person_key)
        on conflict do nothing
    )

    select array_agg(identifier) from renamed
"""

_USER_EVENTS = "select occurred_on from raw.events where user_id = any(%(users)s)"

_USER_ACTIONS = """
    select ({instant} at time zone %(timezone)s)::date from {table}
    where {column} = any(%(users)s) and {instant} is not null
"""

_ALIAS_DAYS = """
    with stale as ({stale}),

    written as (
        insert into ops.changed (build_id, model, day)
        select %(build_id)s, 'identity.device_owners', occurred_on from stale
        on conflict do nothing
    )

    select occurred_on from stale
"""

_MARK: tuple[LiteralString, ...] = (
    "analyze stale_persons",
    """
    insert into stale_devices
    select distinct evidence.device_id
    from identity.evidence as evidence
    inner join stale_persons as stale using (identifier_type, identifier)
    where
        coalesce(stale.before_key, identifier_type || ' ' || identifier)
        <> coalesce(stale.after_key, identifier_type || ' ' || identifier)
    """,
)

# An identifier was a person before if it had an edge, or owned a device by itself; the
# owners are still those before this run.
_LOG = """
    insert into identity.person_id_changes (
        build_id, before_person_id, after_person_id, kind, identifier_count
    )
    with moved as (
        select
            stale.key,
            coalesce(
                stale.before_key, stale.identifier_type || ' ' || stale.identifier
            ) as before_key,
            coalesce(
                stale.after_key, stale.identifier_type || ' ' || stale.identifier
            ) as after_key
        from stale_persons as stale
        where
            (
                stale.after_key is not null
                or exists (
                    select from identity.evidence as evidence
                    where
                        evidence.identifier_type = stale.identifier_type
                        and evidence.identifier = stale.identifier
                )
            )
            and (
                stale.before_key is not null
                or exists (
                    select from identity.device_owners as owners
                    where owners.person_key
                        = stale.identifier_type || ' ' || stale.identifier
                )
            )
    ),

    went as (
        select
            before_key,
            after_key,
            count(*) as identifier_count
        from moved
        where before_key <> after_key
        group by before_key, after_key
    ),

    judged as (
        select
            went.*,
            (
                select count(distinct after_key) > 1 from (
                    select moved.after_key from moved
                    where moved.before_key = went.before_key
                    union all
                    select persons.person_key from identity.persons as persons
                    where persons.person_key = went.before_key
                ) as afters
            ) as is_split,
            (
                select count(distinct before_key) > 1 from (
                    select moved.before_key from moved
                    where moved.after_key = went.after_key
                    union all
                    select persons.person_key from identity.persons as persons
                    where
                        persons.person_key = went.after_key
                        and not exists (
                            select from stale_persons as stale
                            where stale.key = persons.key
                        )
                ) as befores
            ) as is_merged
        from went
    )

    select
        %(build_id)s,
        identity.person_id(before_key),
        identity.person_id(after_key),
        case
            when is_split then 'split'
            when is_merged then 'merged'
            else 'renamed'
        end,
        identifier_count
    from judged
"""

_COUNT_CHANGES = """
    select
        count(distinct before_person_id) filter (where kind = 'merged'),
        count(distinct before_person_id) filter (where kind = 'split'),
        count(distinct before_person_id) filter (where kind = 'renamed')
    from identity.person_id_changes
    where build_id = %(build_id)s
"""
