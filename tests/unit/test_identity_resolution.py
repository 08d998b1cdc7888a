"""Who is one person: the same for any order, and as brute force says."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from orchestration.identity import resolution
from orchestration.identity.resolution import Edge, Node, resolve
from tests.unit.reference_identity import KINDS, persons_of

START = datetime(2026, 3, 1, tzinfo=UTC)
LIMITS = {"user": 1, "email": 5, "phone": 5, "external": 5}
U1, U2 = Node("user", "u1"), Node("user", "u2")
MAIL, PHONE = Node("email", "m"), Node("phone", "p")


def edge(first, second, day=0, priority=5):
    first, second = sorted((first, second), key=lambda node: KINDS.index(node.type))
    return Edge(priority, START + timedelta(days=day), first, second)


def random_edges(chance, count):
    """Few values and few instants, so that ties, cycles and limits are common."""
    edges = {}
    for _ in range(count):
        first, second = sorted(chance.sample(KINDS, 2), key=KINDS.index)
        pair = tuple(
            Node(kind, f"{kind[0]}{chance.randrange(4)}") for kind in (first, second)
        )
        edges[pair] = (
            chance.choice((1, 5)),
            START + timedelta(days=chance.choice((0, 0, 1, 2))),
        )
    return edges


def as_edges(edges):
    return [Edge(*order, *pair) for pair, order in edges.items()]


@pytest.mark.parametrize("seed", range(20))
def test_persons_are_those_of_brute_force_in_any_order(seed):
    chance = random.Random(seed)
    for _ in range(150):
        edges = random_edges(chance, chance.randrange(1, 14))
        limits = {kind: chance.choice((1, 1, 2, 5)) for kind in LIMITS}
        listed = as_edges(edges)
        chance.shuffle(listed)
        found = resolve(listed, limits=limits)
        persons, refused = persons_of(edges, limits)
        assert found.persons == persons
        assert found.refusals == refused


# Changes of a rule, each of which brute force must notice.
MUTATIONS = {
    "no limits": ("_exceeded", lambda *_: None),
    "limits one lower": (
        "_exceeded",
        lambda group, other, limits: next(
            (
                kind
                for kind, most in limits.items()
                if group.counts.get(kind, 0) + other.counts.get(kind, 0) >= most
            ),
            None,
        ),
    ),
    "other names first": ("PERSON_TYPES", ("user", "phone", "email", "external")),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_rule_gives_other_persons(name, monkeypatch):
    monkeypatch.setattr(resolution, *MUTATIONS[name])
    assert differs_from_brute_force(as_edges)


def test_another_order_of_edges_gives_other_persons():
    def without_priority(edges):
        return [edge._replace(priority=1) for edge in as_edges(edges)]

    def without_time(edges):
        return [edge._replace(first_seen_at=START) for edge in as_edges(edges)]

    assert not differs_from_brute_force(as_edges)
    assert differs_from_brute_force(without_priority)
    assert differs_from_brute_force(without_time)


def differs_from_brute_force(listed):
    chance = random.Random(11)
    for _ in range(300):
        edges = random_edges(chance, 12)
        found = resolve(listed(edges), limits=LIMITS)
        if (found.persons, found.refusals) != persons_of(edges, LIMITS):
            return True
    return False


def test_a_part_that_no_edge_leaves_can_be_resolved_alone():
    chance = random.Random(7)
    for _ in range(200):
        here = random_edges(chance, 8)
        there = {
            tuple(Node(kind, f"other {value}") for kind, value in pair): order
            for pair, order in random_edges(chance, 8).items()
        }
        whole = resolve(as_edges(here | there), limits=LIMITS)
        alone = resolve(as_edges(here), limits=LIMITS)
        assert alone.persons.items() <= whole.persons.items()
        assert alone.refusals.items() <= whole.refusals.items()


def test_a_shared_phone_stays_with_who_had_it_first():
    found = resolve([edge(U2, PHONE, day=1), edge(U1, PHONE, day=2)], limits=LIMITS)
    assert found.persons == {U1: U1, U2: U2, PHONE: U2}
    assert found.refusals == {(U1, PHONE): "user_limit"}


def test_stronger_evidence_wins_over_earlier():
    edges = [edge(U2, PHONE, day=1), edge(U1, PHONE, day=2, priority=1)]
    assert resolve(edges, limits=LIMITS).persons[PHONE] == U1


def test_equal_evidence_is_decided_by_the_values():
    edges = [edge(U2, PHONE), edge(U1, PHONE)]
    assert resolve(edges, limits=LIMITS).persons[PHONE] == U1


def test_an_address_stays_with_its_user_when_a_number_is_shared():
    both = [edge(U1, PHONE), edge(U2, MAIL, day=1), edge(MAIL, PHONE, day=1)]
    found = resolve([*both, edge(U2, PHONE, day=1)], limits=LIMITS)
    assert found.persons == {U1: U1, PHONE: U1, U2: U2, MAIL: U2}


def test_a_sixth_address_of_one_person_is_refused():
    mails = [Node("email", f"m{number}") for number in range(6)]
    edges = [edge(U1, mail, day=day) for day, mail in enumerate(mails)]
    found = resolve(edges, limits=LIMITS)
    assert found.refusals == {(U1, mails[5]): "email_limit"}
    assert found.persons[mails[5]] == mails[5]


def test_a_person_without_a_user_is_named_by_the_next_type():
    assert resolve([edge(MAIL, PHONE)], limits=LIMITS).persons[PHONE] == MAIL


def test_an_edge_inside_one_person_is_not_refused():
    edges = [edge(MAIL, U1), edge(U1, PHONE), edge(MAIL, PHONE, day=3)]
    assert resolve(edges, limits=LIMITS).refusals == {}


def test_a_chain_of_many_thousands_takes_seconds_and_no_recursion():
    nodes = [Node(("email", "phone")[n % 2], f"{n:06}") for n in range(10_000)]
    edges = [edge(*pair, day=n % 7) for n, pair in enumerate(pairwise(nodes))]
    limits = dict.fromkeys(LIMITS, 100_000)
    assert len(set(resolve(edges, limits=limits).persons.values())) == 1
