"""Compiled predicates hold exactly where brute force says so, nulls included."""

import datetime as dt
import random

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from orchestration.registry.catalogue import EVENTS, Column, Relation
from orchestration.registry.compiling import compile_predicate
from orchestration.registry.predicates import All, AnyOf, Not, Predicate
from tests.unit.hostile_strings import hostile_strings
from tests.unit.test_predicate_sql import can_be_stored

READ = TypeAdapter(Predicate)
DAY = dt.date(2026, 1, 31)
NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
VALUES = {
    "word": [None, "", "web", "we", "WEB", "it's"],
    "number": [None, -1, 0, 1, 2**62],
    "share": [None, -0.5, 0.25, 1.5],
    "flag": [None, True, False],
    "day": [None, DAY, DAY + dt.timedelta(days=1)],
    "moment": [None, NOON, NOON + dt.timedelta(microseconds=1)],
    "purposes": [None, [], ["web"], ["web", None], [None]],
}
COLUMNS = {
    "word": Column("text"),
    "number": Column("integer"),
    "share": Column("numeric"),
    "flag": Column("boolean"),
    "day": Column("date"),
    "moment": Column("timestamptz"),
    "purposes": Column("text[]"),
}
RELATION = Relation("things", COLUMNS, properties="properties")
PROPERTIES = [{}, {"plan": None}, {"plan": "web"}, {"plan": 1}, {"plan": 1.5}]
PROPERTIES += [{"plan": True}, {"plan": [1]}, {"plan": {"is": "web"}}]

ORDERED = ("above", "at_least", "below", "at_most")
OPERATORS = {
    "word": ("is", "one_of", "contains", "starts_with", "exists"),
    "number": ("is", "one_of", *ORDERED, "exists"),
    "share": ("is", *ORDERED, "exists"),
    "flag": ("is", "exists"),
    "day": ("is", *ORDERED, "exists"),
    "moment": ("is", *ORDERED, "exists"),
    "purposes": ("contains", "exists"),
}


def leaf(dice):
    if dice.random() < 0.25:
        value = dice.choice(["web", 1, 1.5, True])
        return {"property": "plan", "is": value}
    name = dice.choice(list(OPERATORS))
    operator = dice.choice(OPERATORS[name])
    known = [value for value in VALUES[name] if value is not None]
    value = "web" if name == "purposes" else dice.choice(known)
    if operator == "exists":
        value = dice.random() < 0.5
    elif operator == "one_of":
        value = dice.sample(known, k=2)
    return {"column": name, operator: value}


def tree(dice, depth):
    if depth == 0 or dice.random() < 0.3:
        return leaf(dice)
    form = dice.choice(["all", "any", "not"])
    if form == "not":
        return {"not": tree(dice, depth - 1)}
    return {form: [tree(dice, depth - 1) for _ in range(dice.randint(1, 3))]}


def holds(predicate, row):
    """Decide by the definition: a comparison with null is false, the rest is logic."""
    if isinstance(predicate, Not):
        return not holds(predicate.not_, row)
    if isinstance(predicate, All):
        return all(holds(part, row) for part in predicate.all)
    if isinstance(predicate, AnyOf):
        return any(holds(part, row) for part in predicate.any)
    if predicate.column is None:
        return property_holds(predicate.value, row["properties"].get("plan"))
    return column_holds(predicate.operator, predicate.value, row[predicate.column])


def property_holds(value, found):
    same_type = isinstance(found, bool) == isinstance(value, bool)
    return same_type and found == value


def column_holds(operator, value, found):
    if operator == "exists":
        return (found is not None) == value
    if found is None:
        return False
    return {
        "is": lambda: found == value,
        "one_of": lambda: found in value,
        "above": lambda: found > value,
        "at_least": lambda: found >= value,
        "below": lambda: found < value,
        "at_most": lambda: found <= value,
        "contains": lambda: value in found,
        "starts_with": lambda: found.startswith(value),
    }[operator]()


@pytest.fixture
def rows(connection):
    """A table with every value of every column, in 400 random rows."""
    connection.execute(
        "create table things (id integer, word text, number bigint, share numeric, "
        "flag boolean, day date, moment timestamptz, purposes text[], properties jsonb)"
    )
    dice = random.Random(3)
    made = [
        {name: dice.choice(values) for name, values in VALUES.items()}
        | {"id": number, "properties": dice.choice(PROPERTIES)}
        for number in range(400)
    ]
    names = ["id", *VALUES, "properties"]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into things ({', '.join(names)}) values "
            f"({', '.join(['%s'] * len(names))})",
            [
                [
                    Jsonb(row[name]) if name == "properties" else row[name]
                    for name in names
                ]
                for row in made
            ],
        )
    return made


def check_trees(connection, rows, count):
    dice = random.Random(11)
    for _ in range(count):
        predicate = READ.validate_python(tree(dice, 4))
        text = compile_predicate(predicate, relation=RELATION)
        found = dict(connection.execute(f"select id, ({text}) from things").fetchall())
        expected = {row["id"]: holds(predicate, row) for row in rows}
        assert found == expected, text


def test_random_trees_hold_where_brute_force_says(connection, rows):
    check_trees(connection, rows, 300)


@pytest.mark.long
def test_random_trees_hold_where_brute_force_says_many_times(connection, rows):
    check_trees(connection, rows, 5_000)


@pytest.mark.usefixtures("rows")
def test_every_leaf_and_its_negation_split_the_rows(connection):
    dice = random.Random(5)
    for _ in range(200):
        one = leaf(dice)
        texts = [
            compile_predicate(READ.validate_python(each), relation=RELATION)
            for each in (one, {"not": one})
        ]
        query = (
            f"select count(*) filter (where ({texts[0]}) = ({texts[1]})) from things"
        )
        assert connection.execute(query).fetchone() == (0,), texts


def run_hostile(connection, count):
    connection.execute("create table canary (alive boolean)")
    connection.execute("insert into canary values (true)")
    connection.execute(
        "create table events "
        "(event_name text not null, page_url text, properties jsonb)"
    )
    for number, text in enumerate(hostile_strings(count)):
        if not can_be_stored(text):
            continue
        connection.execute("truncate events")
        connection.execute(
            "insert into events values (%s, %s, %s), ('x', null, '{}')",
            (text, text, Jsonb({"plan": text})),
        )
        subject = [
            {"column": "event_name", "is": text},
            {"column": "page_url", "one_of": [text, "y"]},
            {"property": "plan", "is": text},
            {"not": {"not": {"column": "page_url", "starts_with": text}}},
        ][number % 4]
        predicate = compile_predicate(READ.validate_python(subject), relation=EVENTS)
        found = connection.execute(f"select count(*) from events where {predicate}")
        expected = 2 if text == "x" and number % 4 == 0 else 1
        assert found.fetchone() == (expected,), repr(text)
    assert connection.execute("select alive from canary").fetchall() == [(True,)]


def test_hostile_values_are_only_values(connection):
    run_hostile(connection, 500)


@pytest.mark.long
def test_hostile_values_are_only_values_in_twenty_thousand(connection):
    run_hostile(connection, 20_000)


def test_the_catalogue_names_columns_of_raw_events_with_their_types(connection):
    stored = {
        name: (type_, is_required)
        for name, type_, is_required in connection.execute(
            "select attname, format_type(atttypid, null), attnotnull from pg_attribute "
            "where attrelid = 'raw.events'::regclass and attnum > 0"
        )
    }
    types = {
        "text": {"text"},
        "integer": {"integer", "bigint"},
        "boolean": {"boolean"},
        "date": {"date"},
        "timestamptz": {"timestamp with time zone"},
        "text[]": {"text[]"},
    }
    for name, column in EVENTS.columns.items():
        type_, is_required = stored[name]
        assert type_ in types[column.type], name
        assert column.is_nullable != is_required, name
    assert stored[EVENTS.properties] == ("jsonb", True)


def test_a_wrong_type_of_property_fails_no_cast(connection):
    connection.execute("create table events (properties jsonb not null)")
    connection.execute("""insert into events values ('{"plan": "not a number"}')""")
    text = compile_predicate(
        READ.validate_python({"property": "plan", "above": 1}), relation=EVENTS
    )
    try:
        assert connection.execute(f"select ({text}) from events").fetchone() == (False,)
    except psycopg.Error:
        pytest.fail("a property of another type must be null, not an error")
