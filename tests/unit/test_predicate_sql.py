"""A predicate becomes SQL whose shape no value can change."""

import pytest
import sqlglot
from pydantic import TypeAdapter, ValidationError
from sqlglot import exp

from orchestration.registry.catalogue import EVENTS, PERSON_FACTS
from orchestration.registry.compiling import PredicateError, compile_predicate
from orchestration.registry.documents import read_document
from orchestration.registry.predicates import Predicate
from tests.unit.hostile_strings import hostile_strings

READ = TypeAdapter(Predicate)


def compiled(predicate, *, relation=EVENTS, **segments):
    rules = {name: read(rule) for name, rule in segments.items()}
    return compile_predicate(read(predicate), relation=relation, segments=rules)


def read(predicate):
    """Read a predicate as YAML writes it, or one that is data already."""
    if isinstance(predicate, str):
        predicate = read_document(predicate.encode(), file="test.yml").data
    return READ.validate_python(predicate)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("{column: event_name, is: it's}", """"event_name" = 'it''s'"""),
        (
            "{column: platform, is: web}",
            """(NOT "platform" IS NULL AND "platform" = 'web')""",
        ),
        (
            "not: {column: platform, is: web}",
            """("platform" IS NULL OR "platform" <> 'web')""",
        ),
        ("not: {not: {column: is_bot, is: true}}", '"is_bot" = TRUE'),
        (
            "not: {all: [{column: is_bot, is: true}, {column: value_minor, above: 5}]}",
            '("is_bot" <> TRUE OR ("value_minor" IS NULL OR "value_minor" <= 5))',
        ),
        (
            "{column: currency, one_of: [EUR, JPY]}",
            """(NOT "currency" IS NULL AND "currency" IN ('EUR', 'JPY'))""",
        ),
        (
            "{column: value_minor, is: -5}",
            '(NOT "value_minor" IS NULL AND "value_minor" = -5)',
        ),
        ("{column: order_id, exists: false}", '"order_id" IS NULL'),
        ("not: {column: order_id, exists: false}", 'NOT "order_id" IS NULL'),
        ("{column: purposes, contains: x}", """"purposes" @> ARRAY['x']"""),
        (
            "{column: occurred_on, at_least: 2026-01-31}",
            """"occurred_on" >= CAST('2026-01-31' AS DATE)""",
        ),
        (
            "{column: occurred_at, below: 2026-01-31T01:00:00+01:00}",
            """"occurred_at" < CAST('2026-01-31T00:00:00+00:00' AS TIMESTAMPTZ)""",
        ),
    ],
)
def test_the_text_is_the_expected_one(predicate, expected):
    assert compiled(predicate) == expected


def test_a_segment_is_inlined_and_negated_as_a_whole():
    text = compiled(
        "not: {segment: inner}",
        relation=PERSON_FACTS,
        inner="any: [{column: role, is: customer}, {segment: busy}]",
        busy="{column: booking_count_7d, above: 3}",
    )
    assert text == (
        """(("role" IS NULL OR "role" <> 'customer') AND "booking_count_7d" <= 3)"""
    )


@pytest.mark.parametrize(
    ("predicate", "reason"),
    [
        ("{column: nope, is: x}", "raw.events has no column 'nope'"),
        ("{column: load_id, is: 1}", "raw.events has no column 'load_id'"),
        ("{column: event_name, above: x}", "'above' does not fit text"),
        ("{column: value_minor, is: '1'}", "str does not fit integer"),
        ("{column: value_minor, is: true}", "bool does not fit integer"),
        ("{column: value_minor, is: 1.5}", "float does not fit integer"),
        ("{column: value_minor, is: 9223372036854775808}", "does not fit 64 bits"),
        (
            "{column: occurred_on, is: 2026-01-01T00:00:00Z}",
            "datetime does not fit date",
        ),
        ("{column: occurred_at, is: 2026-01-01}", "date does not fit timestamptz"),
        (
            "{column: occurred_at, above: 2026-01-01T00:00:00}",
            "an instant without zone",
        ),
        ("{column: event_name, one_of: [a, 1]}", "int does not fit text"),
        ("{property: at, is: 2026-01-01}", "properties have no dates"),
        ("{segment: x}", "no segment is called 'x'"),
    ],
)
def test_what_does_not_fit_is_refused(predicate, reason):
    with pytest.raises(PredicateError) as caught:
        compiled(predicate)
    assert caught.value.reason == reason


def test_segments_have_no_properties():
    with pytest.raises(PredicateError, match="have no properties"):
        compiled({"property": "x", "is": 1}, relation=PERSON_FACTS)


def test_segments_that_double_each_other_are_refused_before_they_explode():
    rules = {"s0": {"column": "role", "is": "x"}}
    for number in range(1, 40):
        below = {"segment": f"s{number - 1}"}
        rules[f"s{number}"] = {"all": [below, below]}
    with pytest.raises(PredicateError, match="too many comparisons"):
        compiled({"segment": "s39"}, relation=PERSON_FACTS, **rules)


def shape(text):
    """Return the parse tree without what literals say."""
    tree = sqlglot.parse_one(text, read="postgres")
    for literal in tree.find_all(exp.Literal):
        if literal.is_string:
            literal.set("this", "x")
    return tree


def event_name(text):
    return {"column": "event_name", "is": text}


TEMPLATES = [
    event_name,
    lambda text: {"not": {"column": "platform", "one_of": ["web", text]}},
    lambda text: {"all": [event_name("x"), {"column": "page_url", "contains": text}]},
    lambda text: {"any": [{"property": "plan", "is": text}, event_name(text)]},
    lambda text: {"not": {"column": "purposes", "contains": text}},
    lambda text: {"not": {"column": "referrer", "starts_with": text}},
]


def check_values(count):
    shapes = [shape(compiled(template("x"))) for template in TEMPLATES]
    for number, text in enumerate(hostile_strings(count)):
        template = number % len(TEMPLATES)
        if not can_be_stored(text):
            with pytest.raises(PredicateError):
                compiled(TEMPLATES[template](text))
            continue
        sql = compiled(TEMPLATES[template](text))
        assert shape(sql) == shapes[template], repr(text)
        literals = sqlglot.parse_one(sql, read="postgres").find_all(exp.Literal)
        assert text in [literal.this for literal in literals]


def can_be_stored(text):
    return "\x00" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def check_names(count):
    for text in hostile_strings(count):
        for predicate in (
            {"column": text, "is": "x"},
            {"property": text, "is": "x"},
            {"segment": text},
        ):
            try:
                sql = compiled(predicate)
            except (ValidationError, PredicateError):
                continue
            # What passes is a plain name, and only as the key of a property.
            assert predicate.get("property") == text
            benign = compiled({"property": "plan", "is": "x"})
            assert sql == benign.replace("'plan'", f"'{text}'")
            assert text.isidentifier()


def test_no_value_changes_the_shape_of_the_sql():
    check_values(500)


def test_no_name_reaches_the_sql():
    check_names(500)


@pytest.mark.long
def test_no_value_changes_the_shape_of_the_sql_in_twenty_thousand():
    check_values(20_000)


@pytest.mark.long
def test_no_name_reaches_the_sql_in_twenty_thousand():
    check_names(20_000)
