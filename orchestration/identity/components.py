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
    parts["crowded"] = sql.SQL(_ALL_CROWDED if is_full else _CROWDED).format(**parts)
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


_ALL_CROWDED = """
    select key
    from (
        select first_key as key from identity.edges
        union all
        select second_key from identity.edges
    ) as ends
    group by key
    having count(*) > {most}
"""

# Counting stops past the limit: a value of millions of events costs no more.
_CROWDED = """
    select nodes.key
    from stale_nodes as nodes
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
    where neighbours.count > {most}
"""

_FIND_REACHED: tuple[LiteralString, ...] = (
    "analyze stale_nodes",
    """
    create temporary table hub_changes on commit drop as
    with crowded as (
        {crowded}
    )

    select
        key,
        is_hub
    from (
        select
            coalesce(crowded.key, hubs.key) as key,
            crowded.key is not null as is_hub,
            hubs.key is not null as was_hub
        from crowded
        full join (
            select key from identity.hubs
            where {everything} or key in (select key from stale_nodes)
        ) as hubs on crowded.key = hubs.key
    ) as judged
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
    create temporary table refused_pairs on commit drop as
    with refused as (
        select
            left(encode(sha256(convert_to(
                jsonb_build_array(first_type, first_identifier)::text, 'UTF8'
            )), 'hex'), 32) as first_key,
            left(encode(sha256(convert_to(
                jsonb_build_array(second_type, second_identifier)::text, 'UTF8'
            )), 'hex'), 32) as second_key,
            reason
        from resolved_refusals
        union all
        select edges.first_key, edges.second_key, 'shared_by_many'
        from identity.edges as edges
        inner join stale_pairs using (first_key, second_key)
        where exists (
            select from identity.hubs as hubs
            where hubs.key in (edges.first_key, edges.second_key)
        )
        union all
        select edges.first_key, edges.second_key, 'shared_by_many'
        from identity.edges as edges
        inner join hub_changes as hubs on edges.first_key = hubs.key
        where hubs.is_hub
        union all
        select edges.first_key, edges.second_key, 'shared_by_many'
        from identity.edges as edges
        inner join hub_changes as hubs on edges.second_key = hubs.key
        where hubs.is_hub
    )

    select distinct first_key, second_key, reason from refused
    """,
    "create unique index on refused_pairs (first_key, second_key)",
    "analyze refused_pairs",
    # Edges of the parts that were resolved anew and are no longer refused.
    """
    update identity.edges as edges
    set refusal = null
    from (
        select near.first_key, near.second_key
        from (
            select edges.first_key, edges.second_key
            from identity.edges as edges
            inner join reached_nodes as reached on edges.first_key = reached.key
            where edges.refusal is not null and not reached.is_hub
            union
            select edges.first_key, edges.second_key
            from identity.edges as edges
            inner join reached_nodes as reached on edges.second_key = reached.key
            where edges.refusal is not null and not reached.is_hub
        ) as near
        where
            not exists (
                select from identity.hubs as hubs
                where hubs.key in (near.first_key, near.second_key)
            )
            and not exists (
                select from refused_pairs as refused
                where refused.first_key = near.first_key
                    and refused.second_key = near.second_key
            )
    ) as freed
    where
        edges.first_key = freed.first_key
        and edges.second_key = freed.second_key
    """,
    """
    update identity.edges as edges
    set refusal = refused.reason
    from refused_pairs as refused
    where
        edges.first_key = refused.first_key
        and edges.second_key = refused.second_key
        and edges.refusal is distinct from refused.reason
    """,
)
