"""Resolution: which identifiers are one person, a pure function of the edges.

Edges are taken in one order over the whole set; an edge that would give a person more
identifiers of a type than allowed is refused and logged. So the result is the same
for any order of arrival, and for any part of the graph that no edge leaves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

# The types that can merge persons, in the order in which they may name one. Device ids
# never merge: they belong to a person for a time.
PERSON_TYPES = ("user", "external", "email", "phone")

Refusals = dict[tuple["Node", "Node"], str]


class Node(NamedTuple):
    """An identifier of a person."""

    type: str
    identifier: str


class Edge(NamedTuple):
    """Two identifiers seen together; `first` is of the type that comes first."""

    priority: int
    first_seen_at: datetime
    first: Node
    second: Node

    @property
    def position(self) -> tuple[object, ...]:
        """The order in which edges are taken: by priority, time, types, values.

        A user comes before other types: of what one row says at one instant, what it
        says of the user counts first.
        """
        types = [PERSON_TYPES.index(node.type) for node in self[2:]]
        return (*self[:2], *types, *(node.identifier for node in self[2:]))


@dataclass(frozen=True)
class Resolution:
    """Who is who.

    Attributes
    ----------
    persons : dict of Node to Node
        The canonical identifier of every identifier's person.
    refusals : dict
        Why an edge did not merge two persons, by its ends.
    """

    persons: dict[Node, Node]
    refusals: Refusals = field(default_factory=dict)


def resolve(edges: Iterable[Edge], *, limits: Mapping[str, int]) -> Resolution:
    """Merge identifiers into persons, edge by edge, within the limits.

    Parameters
    ----------
    edges : iterable of Edge
        All edges of the parts of the graph in question.
    limits : mapping of str to int
        How many identifiers of each type a person may have.
    """
    groups: dict[Node, _Group] = {}
    refusals: Refusals = {}
    for edge in sorted(edges, key=lambda edge: edge.position):
        ends = [_group_of(groups, node) for node in (edge.first, edge.second)]
        for group, node in zip(ends, (edge.first, edge.second), strict=True):
            group.see(node, edge.first_seen_at)
        smaller, larger = sorted(ends, key=lambda group: len(group.nodes))
        if smaller is larger:
            continue
        exceeded = _exceeded(smaller, larger, limits)
        if exceeded is not None:
            refusals[edge.first, edge.second] = f"{exceeded}_limit"
            continue
        larger.take(smaller)
        for node in smaller.nodes:
            groups[node] = larger
    persons = {}
    for group in {id(group): group for group in groups.values()}.values():
        canonical = group.canonical()
        persons.update(dict.fromkeys(group.nodes, canonical))
    return Resolution(persons, refusals)


class _Group:
    """A person in the making, and when each identifier was first seen."""

    __slots__ = ("counts", "nodes")

    def __init__(self, node: Node) -> None:
        self.nodes: dict[Node, datetime | None] = {node: None}
        self.counts = {node.type: 1}

    def see(self, node: Node, at: datetime) -> None:
        before = self.nodes[node]
        self.nodes[node] = at if before is None else min(before, at)

    def take(self, other: "_Group") -> None:
        self.nodes.update(other.nodes)
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count

    def canonical(self) -> Node:
        """Return the identifier that names the person, a user id if there is one."""
        return min(
            self.nodes,
            key=lambda node: (
                PERSON_TYPES.index(node.type),
                self.nodes[node],
                node.identifier,
            ),
        )


def _group_of(groups: dict[Node, _Group], node: Node) -> _Group:
    group = groups.get(node)
    if group is None:
        group = groups[node] = _Group(node)
    return group


def _exceeded(group: _Group, other: _Group, limits: Mapping[str, int]) -> str | None:
    """Return the first type of which two groups together have too many."""
    for kind in PERSON_TYPES:
        count = group.counts.get(kind, 0) + other.counts.get(kind, 0)
        if count > limits[kind]:
            return kind
    return None
