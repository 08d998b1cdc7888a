"""Stays in segments are those of brute force, whatever happens on the way."""

import random
import threading
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from orchestration.registry.catalogue import PERSON_FACTS
from orchestration.registry.compiling import compile_predicate
from orchestration.registry.predicates import Predicate
from orchestration.segments.members import (
    EarlierDayError,
    Segment,
    evaluate,
    forget_members,
)
from orchestration.warehouse.connection import connect
from tests.warehouse.segment_world import DAYS, FIRST, made_world
from tests.warehouse.test_predicate_truth import holds

READ = TypeAdapter(Predicate)
LAST = FIRST + timedelta(days=DAYS - 1)
TEXTS = {
    "role": ["customer", "provider", "admin"],
    "region": ["north", "south"],
    "locale": ["de"],
    "acquisition_channel": ["ads"],
}


def leaf(dice):
    name = dice.choice([*PERSON_FACTS.columns])
    kind = PERSON_FACTS.columns[name].type
    if name == "person_id" or dice.random() < 0.1:
        return {"column": name, "exists": dice.random() < 0.5}
    if kind == "text":
        return {"column": name, "is": dice.choice(TEXTS[name])}
    if kind == "boolean":
        return {"column": name, "is": dice.random() < 0.5}
    operator = dice.choice(["above", "at_least", "below", "at_most", "is"])
    if kind == "date":
        return {"column": name, operator: FIRST + timedelta(days=dice.randint(0, DAYS))}
    return {"column": name, operator: dice.randint(0, 6)}


def tree(dice, depth=3):
    if depth == 0 or dice.random() < 0.2:
        return leaf(dice)
    form = dice.choice(["all", "any", "not"])
    if form == "not":
        return {"not": tree(dice, depth - 1)}
    return {form: [tree(dice, depth - 1) for _ in range(dice.randint(1, 3))]}


class Reference:
    """Stays kept in Python, day by day, from the state after the day before."""

    def __init__(self):
        self.day = None
        self.before = {}
        self.stays = {}

    def evaluate(self, as_of, rules, facts):
        if as_of != self.day:
            self.before, self.day = dict(self.stays), as_of
        self.stays = dict(self.before)
        standing = {
            (name, id_)
            for name, (_, rule) in rules.items()
            for id_, row in facts.items()
            if holds(rule, row)
        }
        for (name, id_, entered_on), (left_on, version) in self.before.items():
            if left_on is None and (name, id_) not in standing:
                self.stays[name, id_, entered_on] = (as_of, version)
        inside = {key[:2] for key, stay in self.before.items() if stay[0] is None}
        for name, id_ in standing - inside:
            self.stays[name, id_, as_of] = (None, rules[name][0])


def stays(connection):
    rows = connection.execute(
        "select segment_id, person_id, entered_on, left_on, definition_version "
        "from segments.members"
    )
    return {tuple(row[:3]): tuple(row[3:]) for row in rows}


def run(connection, rules, as_of, timezone="UTC"):
    segments = [
        Segment(name, version, compile_predicate(rule, relation=PERSON_FACTS))
        for name, (version, rule) in rules.items()
    ]
    return evaluate(connection, as_of=as_of, timezone=timezone, segments=segments)


def rule(predicate, version=1):
    return version, READ.validate_python(predicate)


def change(world, connection, dice, rules, as_of):
    """Let days of persons, rules, or the list of segments change."""
    for _ in range(dice.randint(0, 6)):
        day = as_of - timedelta(days=dice.choice([0, 0, 1, 7, 28, 90]))
        world.set_day(connection, dice, day, dice.randrange(30))
    name = f"s{dice.randrange(6)}"
    if dice.random() < 0.2:
        rules.pop(name, None)
    elif dice.random() < 0.3:
        version = rules[name][0] + 1 if name in rules else 1
        rules[name] = rule(tree(dice), version)


def check_history(connection, seed, steps):
    dice = random.Random(seed)
    world = made_world(connection, seed)
    reference = Reference()
    rules = {f"s{number}": rule(tree(dice)) for number in range(6)}
    as_of = FIRST + timedelta(days=60)
    for _ in range(steps):
        run(connection, rules, as_of)
        reference.evaluate(as_of, rules, world.facts(as_of))
        assert stays(connection) == reference.stays
        assert run(connection, rules, as_of) == 0
        check_sizes(connection, rules, as_of, reference)
        change(world, connection, dice, rules, as_of)
        as_of += timedelta(days=dice.choice([0, 0, 1, 1, 1, 5]))


def check_sizes(connection, rules, as_of, reference):
    expected = {
        name: (
            version,
            sum(
                key[0] == name and stay[0] is None
                for key, stay in reference.stays.items()
            ),
            sum((key[0], key[2]) == (name, as_of) for key in reference.stays),
            sum(
                key[0] == name and stay[0] == as_of
                for key, stay in reference.stays.items()
            ),
        )
        for name, (version, _) in rules.items()
    }
    rows = connection.execute(
        "select segment_id, definition_version, member_count, entered_count, "
        "left_count from segments.sizes where day = %s",
        (as_of,),
    )
    assert {row[0]: tuple(row[1:]) for row in rows} == expected


@pytest.mark.parametrize(
    "seed", [1, 2, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(40)]]
)
def test_stays_are_those_of_brute_force(connection, seed):
    check_history(connection, seed, steps=20)


ACTIVE = {"column": "active_day_count_7d", "at_least": 1}


def test_the_newest_day_ends_up_as_if_only_the_last_time_had_been(connection):
    made_world(connection, 5)
    before = LAST - timedelta(days=1)
    everybody = {"column": "person_id", "exists": True}
    nobody = {"column": "person_id", "exists": False}
    run(connection, {"all": rule(everybody)}, before)
    first = stays(connection)
    # All leave, then all are back where they were: nobody ever left.
    run(connection, {"all": rule(nobody, 2), "new": rule(everybody)}, LAST)
    assert {stay[0] for key, stay in stays(connection).items() if key[0] == "all"} == {
        LAST
    }
    run(connection, {"all": rule(everybody, 3), "new": rule(everybody, 2)}, LAST)
    found = stays(connection)
    assert {key: found[key] for key in first} == first
    assert {stay for key, stay in found.items() if key[0] == "new"} == {(None, 2)}
    run(connection, {"all": rule(everybody, 3)}, LAST)
    assert stays(connection) == {key: found[key] for key in found if key[0] == "all"}


def test_a_day_before_the_newest_is_refused_and_nothing_changes(connection):
    made_world(connection, 5)
    run(connection, {"active": rule(ACTIVE)}, LAST)
    before = stays(connection)
    with pytest.raises(EarlierDayError):
        run(connection, {"active": rule(ACTIVE)}, LAST - timedelta(days=1))
    assert stays(connection) == before


def test_a_segment_that_is_gone_keeps_its_history_and_no_member(connection):
    made_world(connection, 5)
    run(connection, {"active": rule(ACTIVE)}, LAST - timedelta(days=1))
    count = len(stays(connection))
    assert count
    run(connection, {}, LAST)
    assert connection.execute("select count(*) from segments.current").fetchone() == (
        0,
    )
    assert {stay[0] for stay in stays(connection).values()} == {LAST}
    assert len(stays(connection)) == count


def test_a_percent_sign_in_a_rule_is_a_percent_sign(connection):
    made_world(connection, 5)
    hostile = {"not": {"column": "region", "is": "%s {0} %(x)s '; drop"}}
    run(connection, {"all": rule(hostile)}, LAST)
    assert len(stays(connection)) == len(
        connection.execute("select from pg_temp.person_facts").fetchall()
    )


def test_two_evaluations_at_once_wait_for_each_other(connection, database):
    made_world(connection, 5)
    connection.commit()
    changed = []

    def evaluate_once():
        with connect(database, application_name="tests") as own:
            changed.append(run(own, {"active": rule(ACTIVE)}, LAST))

    threads = [threading.Thread(target=evaluate_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(changed)[:3] == [0, 0, 0]
    # One row more than stays: the size.
    assert sorted(changed)[3] == len(stays(connection)) + 1


def test_erased_persons_have_no_stays_and_sizes_remain(connection):
    made_world(connection, 5)
    run(connection, {"active": rule(ACTIVE)}, LAST)
    [(sizes,)] = connection.execute("select member_count from segments.sizes")
    gone = sorted(key[1] for key in stays(connection))[:2]
    assert forget_members(connection, [*gone, "nobody"]) == 2
    assert not {key[1] for key in stays(connection)} & set(gone)
    assert len(stays(connection)) == sizes - 2
