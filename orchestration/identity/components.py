"""Components: the parts of the graph that changed, resolved anew; the rest is not read.

What an edge decides depends on the edges that its ends can reach, refused ones
included, and on nothing else. So a night reads the parts around new and changed edges
only. Identifiers that too many others share are left out, or one bad value would tie
everybody together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from orchestration.identity.resolution import Edge, Node, Resolution, resolve
from orchestration.identity.rules import Rules


@dataclass(frozen=True)
class Resolved:
    """How many edges were read, and how many identifiers got a person."""

    edge_count: int
    identifier_count: int


def replace_persons(
    connection: psycopg.Connection, *, rules: Rules, is_full: bool
) -> Resolved:
    """Give the identifiers around `stale_nodes` their persons.

    Leaves behind the temporary table `stale_persons`: key, type, identifier and the
    keys of the persons before and after, where they differ.
    """
    parts = {
        "most": sql.Literal(rules.definition.most_neighbours),
        "everything": sql.SQL("true" if is_full else "false"),
    }
    for statement in _FIND_REACHED:
        connection.execute(sql.SQL(statement).format(**parts))
    edges = list(_read_edges(connection))
    resolution = resolve(edges, limits=rules.limits)
    _hand_over(connection, resolution)
    for statement in _REPLACE:
        connection.execute(statement)
    return Resolved(len(edges), len(resolution.persons))


def _read_edges(connection: psycopg.Connection) -> Iterator[Edge]:
    for priority, seen_at, *ends in connection.execute(_EDGES):
        yield Edge(priority, seen_at, Node(*ends[:2]), Node(*ends[2:]))


def _hand_over(connection: psycopg.Connection, resolution: Resolution) -> None:
    connection.execute(_RESULTS[0])
    connection.execute(_RESULTS[1])
    with (
        connection.cursor() as cursor,
        cursor.copy("copy resolved_persons from stdin") as copy,
    ):
        for node, canonical in resolution.persons.items():
            copy.write_row((*node, " ".join(canonical)))
    with (
        connection.cursor() as cursor,
        cursor.copy("copy resolved_refusals from stdin") as copy,
    ):
        for (first, second), reason in resolution.refusals.items():
            copy.write_row((*first, *second, reason))
    connection.execute("analyze resolved_persons, resolved_refusals")


# Counting stops past the limit: a value of millions of events costs no more.
_FIND_REACHED: tuple[LiteralString, ...] = (
    "analyze stale_nodes",
    """
    create temporary table hub_changes on commit drop as
    with judged as (
        select
            nodes.key,
            neighbours.count > {most} as is_hub,
            hubs.key is not null as was_hub
        from (
            select key from stale_nodes
            union
            select key from identity.hubs where {everything}
            union
            select first_key from identity.edges where {everything}
            union
            select second_key from identity.edges where {everything}
        ) as nodes
        left join identity.hubs as hubs using (key)
        cross join lateral (
            select count(*) as count
            from (
                select from identity.edges
                where first_key = nodes.key
                union all
                select from identity.edges
                where second_key = nodes.key
                limit {most} + 1
            ) as counted
        ) as neighbours
    )

    select key, is_hub from judged
    where is_hub <> was_hub
    """,
    """
    delete from identity.hubs
    where key in (select key from hub_changes where not is_hub)
    """,
    """
    insert into identity.hubs (key)
    select key from hub_changes where is_hub
    """,
    """
    insert into stale_nodes
    select edges.second_key from identity.edges as edges
    inner join hub_changes as hubs on edges.first_key = hubs.key
    union
    select edges.first_key from identity.edges as edges
    inner join hub_changes as hubs on edges.second_key = hubs.key
    union
    select key from hub_changes
    union
    select key from identity.persons where {everything}
    union
    select first_key from identity.edges where {everything}
    union
    select second_key from identity.edges where {everything}
    """,
    """
    create temporary table reached_nodes on commit drop as
    with recursive reached as (
        select
            stale.key,
            hubs.key is not null as is_hub
        from (select distinct key from stale_nodes) as stale
        left join identity.hubs as hubs using (key)
        union
        select
            near.key,
            false as is_hub
        from reached
        cross join lateral (
            select second_key as key from identity.edges
            where first_key = reached.key
            union all
            select first_key from identity.edges
            where second_key = reached.key
        ) as near
        where
            not {everything}
            and not reached.is_hub
            and not exists (
                select from identity.hubs as hubs where hubs.key = near.key
            )
    )

    select key, is_hub from reached
    """,
    "create unique index on reached_nodes (key)",
    "analyze reached_nodes",
)

_EDGES = """
    select
        edges.priority,
        edges.first_seen_at,
        edges.first_type,
        edges.first_identifier,
        edges.second_type,
        edges.second_identifier
    from identity.edges as edges
    inner join reached_nodes as reached on edges.first_key = reached.key
    where
        not reached.is_hub
        and not exists (
            select from identity.hubs as hubs where hubs.key = edges.second_key
        )
"""

_RESULTS: tuple[LiteralString, ...] = (
    """
    create temporary table resolved_persons (
        identifier_type text, identifier text, person_key text
    ) on commit drop
    """,
    """
    create temporary table resolved_refusals (
        first_type text, first_identifier text, second_type text,
        second_identifier text, reason text
    ) on commit drop
    """,
)

# An identifier whose edges all lead to hubs, or that is one, is a person of its own.
_REPLACE: tuple[LiteralString, ...] = (
    """
    create temporary table fresh_persons on commit drop as
    with named as (
        select
            reached.key,
            near.identifier_type,
            near.identifier
        from reached_nodes as reached
        cross join lateral (
            select
                first_type as identifier_type,
                first_identifier as identifier
            from identity.edges
            where first_key = reached.key
            union all
            select second_type, second_identifier
            from identity.edges
            where second_key = reached.key
            limit 1
        ) as near
    )

    select
        named.key,
        named.identifier_type,
        named.identifier,
        coalesce(
            resolved.person_key, named.identifier_type || ' ' || named.identifier
        ) as person_key
    from named
    left join resolved_persons as resolved using (identifier_type, identifier)
    """,
    "create unique index on fresh_persons (key)",
    "analyze fresh_persons",
    """
    create temporary table stale_persons on commit drop as
    select
        coalesce(fresh.key, known.key) as key,
        coalesce(fresh.identifier_type, known.identifier_type) as identifier_type,
        coalesce(fresh.identifier, known.identifier) as identifier,
        known.person_key as before_key,
        fresh.person_key as after_key
    from (
        select known.* from identity.persons as known
        inner join reached_nodes using (key)
    ) as known
    full join fresh_persons as fresh on known.key = fresh.key
    where known.person_key is distinct from fresh.person_key
    """,
    """
    delete from identity.persons as known
    using stale_persons as stale
    where known.key = stale.key and stale.after_key is null
    """,
    """
    insert into identity.persons (key, identifier_type, identifier, person_key)
    select key, identifier_type, identifier, after_key from stale_persons
    where after_key is not null
    on conflict (key) do update set person_key = excluded.person_key
    """,
    """
    update identity.edges as edges
    set refusal = judged.refusal
    from (
        select
            near.first_key,
            near.second_key,
            case
                when hubs.is_shared then 'shared_by_many'
                else refused.reason
            end as refusal
        from (
            select edges.* from identity.edges as edges
            inner join reached_nodes as reached on edges.first_key = reached.key
            where not reached.is_hub
            union
            select edges.* from identity.edges as edges
            inner join reached_nodes as reached on edges.second_key = reached.key
            where not reached.is_hub
            union
            select edges.* from identity.edges as edges
            inner join stale_pairs as stale using (first_key, second_key)
        ) as near
        cross join lateral (
            select exists (
                select from identity.hubs as hubs
                where hubs.key in (near.first_key, near.second_key)
            ) as is_shared
        ) as hubs
        left join resolved_refusals as refused
            using (first_type, first_identifier, second_type, second_identifier)
    ) as judged
    where
        edges.first_key = judged.first_key
        and edges.second_key = judged.second_key
        and edges.refusal is distinct from judged.refusal
    """,
)
