"""Who is one person, whatever arrives in whatever order: equal to brute force."""

import random
from datetime import timedelta

import pytest

from orchestration.raw.retention import purge_day
from tests.warehouse.histories import at, load, remove, shuffled_batches
from tests.warehouse.identity_world import (
    RULES,
    Account,
    digests,
    expected,
    extract,
    found,
    identified,
    prepare,
    set_rules,
)

BLOCKED = ("null", " Null ", "-1", "000", "0000-0000", "--", "test", "spam", "ü" * 513)


def graph(chance, number):
    """Few values, so that ties, cycles, limits and blocked values are common."""

    def value(kind, chances=0.5):
        if chance.random() > chances:
            return None
        if chance.random() < 0.1:
            return chance.choice(BLOCKED)
        return f"g{number} {kind}{chance.randrange(4)} é用"

    events = [
        identified(
            f"g{number}-{index}",
            at(days=chance.randrange(4), minutes=20 * chance.randrange(6)),
            name=chance.choice(["page_view", "user_registered", "login_attempt"]),
            device=f"g{number}-d{chance.randrange(2)}",
            user=value("u", 0.4),
            email=value("m", 0.3),
            phone=value("p", 0.2),
            external=value("x", 0.1),
        )
        for index in range(chance.randrange(4, 16))
    ]
    accounts = {}
    for _ in range(chance.randrange(3)):
        user = value("u", 1.0)
        accounts[user] = Account(
            user,
            at(days=chance.randrange(5)),
            value("m"),
            value("p"),
            value("x", 0.2),
            is_test=chance.random() < 0.1,
        )
    return events, list(accounts.values())


def crowd(number, count):
    """One phone number that so many users gave."""
    return [
        identified(
            f"crowd{number}-{index}",
            at(days=index % 3, seconds=index),
            device=f"crowd{number}-d{index}",
            user=f"crowd{number} u{index}",
            phone=f"crowd{number} phone",
        )
        for index in range(count)
    ]


def world(chance, count):
    events, accounts = [], {}
    for number in range(count):
        made, registered = graph(chance, number)
        events += made
        accounts |= {account.user_id: account for account in registered}
    for number, size in enumerate((10, 11, 12)):
        events += crowd(number, size)
    return events, list(accounts.values())


def assert_as_brute_force(connection, events, accounts, rules=RULES):
    persons, refusals, owners = found(connection)
    keys, refused, owned = expected(events, accounts, rules=rules)
    assert persons == keys
    assert refusals == refused
    anonymous = {
        event.event_id: owners[event.event_id]
        for event in events
        if event.event_id in owners and event.event_id in owned
    }
    assert anonymous == owned
    return owned


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_arrival_gives_the_persons_of_brute_force(seed, connection):
    chance = random.Random(seed)
    events, accounts = world(chance, 60)
    set_rules(connection)
    arrived, registered, owned = [], [], {}
    batches = [
        *shuffled_batches(events, count=4, chance=chance),
        chance.sample(events, k=len(events) // 6),
    ]
    for number, batch in enumerate(batches):
        if number < 4:
            load(connection, batch)
            arrived = arrived + batch
            opened = accounts[number::4]
            extract(connection, opened)
            registered = registered + opened
        else:
            remove(connection, batch)
            arrived = [event for event in arrived if event not in batch]
            opened = []
        _, stale = prepare(connection, arrived)
        before, owned = owned, assert_as_brute_force(connection, arrived, registered)
        touched = {event.occurred_on for event in batch}
        touched |= {account.registered_at.date() for account in opened}
        moved = {
            event.occurred_on
            for event in arrived
            if before.get(event.event_id) != owned.get(event.event_id)
        }
        assert moved <= stale | touched
    incremental = digests(connection)
    prepare(connection, arrived, is_full=True)
    assert digests(connection) == incremental
    set_rules(connection, limits={**RULES["limits"], "user": 2}, most_neighbours=20)
    prepare(connection, arrived, is_full=True)
    rules = {**RULES, "limits": {**RULES["limits"], "user": 2}, "most_neighbours": 20}
    assert_as_brute_force(connection, arrived, registered, rules)


def test_a_night_reads_only_the_parts_around_its_edges(connection):
    set_rules(connection)
    events, accounts = world(random.Random(3), 60)
    load(connection, events)
    extract(connection, accounts)
    prepare(connection, events)
    news = [
        identified("new", at(days=5), device="x", user="g1 u0 é用", email="g1 m9"),
        identified("more", at(days=5), device="y", user="many", phone="crowd2 phone"),
    ]
    load(connection, news)
    events += news
    build_id, _ = prepare(connection, events)
    with connection.transaction():
        read, resolved = connection.execute(
            "select edge_count, resolved_count from identity.runs where build_id = %s",
            (build_id,),
        ).fetchone()
    # Those of the first graph, and of the one who joins the crowd.
    near = [pair for pair in edges_between(connection) if "g1 " in pair]
    assert len(near) > 3
    assert read <= len(near) + 1
    assert resolved <= 2 * read
    assert_as_brute_force(connection, events, accounts)


def edges_between(connection):
    with connection.transaction():
        rows = connection.execute(
            "select first_identifier || ' ' || second_identifier from identity.edges"
        ).fetchall()
    return [pair for (pair,) in rows]


def test_a_lead_becomes_the_user_who_registers_with_the_address(connection):
    set_rules(connection)
    lead = [
        identified("asked", at(days=1), device="phone", email="m1"),
        identified("looked", at(days=1, minutes=3), device="phone"),
    ]
    load(connection, lead)
    prepare(connection, lead)
    assert found(connection)[2]["looked"] == "email m1"
    extract(connection, [Account("u1", at(days=9), "m1")])
    build_id, stale = prepare(connection, lead)
    assert found(connection)[2]["looked"] == "user u1"
    assert stale == {at(days=1).date()}
    with connection.transaction():
        changes = connection.execute(
            "select kind, before_person_id = identity.person_id('email m1'),"
            " after_person_id = identity.person_id('user u1')"
            " from identity.person_id_changes where build_id = %s",
            (build_id,),
        ).fetchall()
    assert changes == [("renamed", True, True)]


def test_merges_and_splits_are_logged_and_claim_the_days_of_both(connection):
    set_rules(connection)
    events = [
        identified("mail", at(days=1), device="a", email="m1"),
        identified("call", at(days=4), device="b", phone="p1"),
        identified("other", at(days=6), device="c", user="u9"),
    ]
    load(connection, events)
    prepare(connection, events)
    both = identified("both", at(days=8), device="c", email="m1", phone="p1")
    load(connection, [both])
    build_id, stale = prepare(connection, [*events, both])
    assert kinds(connection, build_id) == [("merged", 1)]
    # The number's days are now the address's, which keeps its own.
    assert stale == {at(days=4).date(), at(days=8).date()}
    remove(connection, [both])
    build_id, _ = prepare(connection, events)
    assert kinds(connection, build_id) == [("split", 1)]


def kinds(connection, build_id):
    with connection.transaction():
        return connection.execute(
            "select kind, count(*) from identity.person_id_changes"
            " where build_id = %s group by kind order by kind",
            (build_id,),
        ).fetchall()


def test_a_million_sightings_of_one_pair_are_one_edge(connection):
    set_rules(connection)
    events = [
        identified(f"e{n}", at(days=n % 2, seconds=n), user="u1", phone="p1")
        for n in range(500)
    ]
    load(connection, events)
    prepare(connection, events)
    with connection.transaction():
        counts = connection.execute(
            "select (select count(*) from identity.sightings),"
            " (select count(*) from identity.edges)"
        ).fetchone()
    assert counts == (2, 1)


def test_a_first_build_never_reads_again_what_it_adds(connection):
    set_rules(connection)
    events = [
        identified(f"e{n}", at(seconds=n), device=f"d{n}", user=f"u{n}", email=f"m{n}")
        for n in range(300)
    ]
    load(connection, events)
    with connection.transaction():
        # From then on the planner takes them for empty.
        connection.execute("analyze identity.sightings, identity.evidence")
    prepare(connection, events)
    with connection.transaction():
        connection.execute("select pg_stat_force_next_flush()")
    with connection.transaction():
        scans = connection.execute(
            "select relname, seq_scan from pg_stat_user_tables where relid in"
            " ('identity.sightings'::regclass, 'identity.evidence'::regclass)"
        ).fetchall()
    assert len(scans) == 2
    assert [scan for scan in scans if scan[1] > 20] == []


@pytest.mark.parametrize(
    "value", ["x" * 513, "'; drop table raw.events; --", "\\", "é\u202e"]
)
def test_hostile_values_are_dropped_or_kept_as_they_are(value, connection):
    set_rules(connection)
    event = identified("a", at(), user=value, email="m1")
    later = identified("b", at() + timedelta(days=1))
    load(connection, [event, later])
    prepare(connection, [event, later])
    assert_as_brute_force(connection, [event, later], [])


def test_what_a_purged_day_said_of_persons_stays_known(database, connection):
    set_rules(connection)
    events = [
        identified("both", at(days=1), device="laptop", user="u1", email="m1"),
        identified("later", at(days=5), device="phone", email="m1"),
        identified("anonymous", at(days=5, hours=9), device="laptop"),
    ]
    load(connection, events)
    prepare(connection, events)
    before = found(connection)
    assert before[2] == {"later": "user u1", "anonymous": "user u1"}
    with connection.transaction():
        # As a load says it; a purge believes the ledger.
        connection.execute("update ops.touched_days set row_change = row_count")
    purge_day(database, at(days=1).date(), reason="retention")
    for is_full in (False, True):
        prepare(connection, events[1:], is_full=is_full)
        assert found(connection) == before
