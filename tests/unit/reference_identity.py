"""Identity told a second time, by brute force: sets of identifiers, compared whole."""

import re
from itertools import combinations

KINDS = ("user", "external", "email", "phone")
ZEROS = re.compile(r"[0 _-]+")


def is_blocked(kind, identifier, blocked):
    """Null-like words, zeros and dashes, and what is listed for the type."""
    plain = identifier.strip(" \t\n\r\f\v").lower()
    listed = {word.lower() for word in (*blocked["any"], *blocked.get(kind, ()))}
    return (
        plain == ""
        or plain in listed
        or ZEROS.fullmatch(plain) is not None
        or len(identifier) > 512
    )


def edges_of(sightings, *, blocked, priorities, other):
    """Turn what was seen together into edges: {pair: (priority, first seen)}."""
    edges = {}
    for source, seen_at, identifiers in sightings:
        usable = [
            (kind, identifiers[kind])
            for kind in KINDS
            if kind in identifiers and not is_blocked(kind, identifiers[kind], blocked)
        ]
        for pair in combinations(usable, 2):
            priority = priorities.get(source, other)
            known = edges.get(pair, (priority, seen_at))
            edges[pair] = (min(known[0], priority), min(known[1], seen_at))
    return edges


def hubs_of(edges, most):
    """Find the identifiers that too many others were seen with."""
    neighbours = {}
    for left, right in edges:
        neighbours.setdefault(left, set()).add(right)
        neighbours.setdefault(right, set()).add(left)
    return {node for node, others in neighbours.items() if len(others) > most}


def persons_of(edges, limits, most_neighbours=1000):
    """Merge by looking at every person that there is, for every edge."""
    hubs = hubs_of(edges, most_neighbours)
    persons = [{node} for node in {node for pair in edges for node in pair}]
    refused = {}
    order = sorted(
        edges,
        key=lambda pair: (
            *edges[pair],
            [KINDS.index(kind) for kind, _ in pair],
            [value for _, value in pair],
        ),
    )
    for left, right in order:
        if left in hubs or right in hubs:
            refused[left, right] = "shared_by_many"
            continue
        ours = next(person for person in persons if left in person)
        theirs = next(person for person in persons if right in person)
        if ours is theirs:
            continue
        union = ours | theirs
        exceeded = [
            kind
            for kind in KINDS
            if sum(node[0] == kind for node in union) > limits[kind]
        ]
        if exceeded:
            refused[left, right] = f"{exceeded[0]}_limit"
        else:
            persons.remove(ours)
            persons.remove(theirs)
            persons.append(union)
    return {
        node: canonical_of(person, edges) for person in persons for node in person
    }, refused


def canonical_of(person, edges):
    """Name a person by a user id, else by the next type; the one seen first."""
    first = {
        node: min(at for pair, (_, at) in edges.items() if node in pair)
        for node in person
    }
    return min(person, key=lambda node: (KINDS.index(node[0]), first[node], node[1]))
