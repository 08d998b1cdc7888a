"""Predicates to SQL: the one place where a definition becomes text that Postgres runs.

Columns come from the catalogue, values are literals of the column's type, and the
text is read back before it is handed out: if its parse tree is not the one that was
built, nothing is. A comparison with null is false, and `not` of it is written out,
so that the SQL has two truth values where SQL has three.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import sqlglot
from sqlglot import exp

from orchestration.registry.catalogue import Column, ColumnType, Relation
from orchestration.registry.predicates import (
    All,
    AnyOf,
    Comparison,
    InSegment,
    Not,
    Predicate,
)

MAX_COMPARISONS = 500

_ORDER = {"above": exp.GT, "at_least": exp.GTE, "below": exp.LT, "at_most": exp.LTE}
_OPPOSITE = {exp.EQ: exp.NEQ, exp.GT: exp.LTE, exp.GTE: exp.LT, exp.LT: exp.GTE}
_OPPOSITE[exp.LTE] = exp.GT

_OPERATORS: dict[str, tuple[str, ...]] = {
    "text": ("is", "one_of", "contains", "starts_with", "exists"),
    "integer": ("is", "one_of", *_ORDER, "exists"),
    "numeric": ("is", "one_of", *_ORDER, "exists"),
    "boolean": ("is", "one_of", "exists"),
    "date": ("is", "one_of", *_ORDER, "exists"),
    "timestamptz": ("is", *_ORDER, "exists"),
    "text[]": ("contains", "exists"),
}

_VALUE_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "numeric": (int, float),
    "boolean": (bool,),
    "date": (dt.date,),
    "timestamptz": (dt.datetime,),
    "text[]": (str,),
}

_BIGINT = range(-(2**63), 2**63)

Path = tuple[str | int, ...]


class PredicateError(ValueError):
    """What is wrong with a predicate, where in it, and what is allowed."""

    def __init__(self, path: Path, reason: str, allowed: str = "") -> None:
        self.path = path
        self.reason = reason
        self.allowed = allowed
        super().__init__(f"{path}: {reason}")


def compile_predicate(
    predicate: Predicate,
    *,
    relation: Relation,
    segments: Mapping[str, Predicate] | None = None,
) -> str:
    """Return `predicate` as a boolean SQL expression over the columns of `relation`.

    The expression is never null. It holds no parameters: run it as it stands, with
    nothing that would read a percent sign or braces in it as markup.

    Raises
    ------
    PredicateError
        At the first part that names an unknown column or segment, compares with a
        value of another type, or goes round in a circle.
    """
    tree = _Compiler(relation, segments or {}).compile(predicate, (), negated=False)
    text = tree.sql("postgres")
    if sqlglot.parse_one(text, read="postgres") != tree:
        raise PredicateError((), "its SQL does not read back as what was meant")
    return text


def compile_subject(
    *,
    column: str | None,
    property_: str | None,
    relation: Relation,
    type_: Literal["text", "numeric"] = "text",
) -> str:
    """Return a column or a property as an SQL expression of a type.

    A property that is no number is null where a number is asked for.

    Raises
    ------
    PredicateError
        If the relation has no such column, or no properties.
    """
    compiler = _Compiler(relation, {})
    if column is not None:
        known = compiler.known_column(column, ())
        if type_ == "numeric" and known.type not in {"integer", "numeric"}:
            reason = f"{column} is {known.type}"
            raise PredicateError(("column",), reason, "a column of numbers")
        tree = exp.cast(exp.column(column, quoted=True), type_)
    else:
        read_as: ColumnType = "text[]" if type_ == "text" else "numeric"
        tree = compiler.property_of(property_ or "", read_as, ())
    text = tree.sql("postgres")
    if sqlglot.parse_one(text, read="postgres") != tree:
        raise PredicateError((), "its SQL does not read back as what was meant")
    return text


class _Compiler:
    """Walks one predicate, carrying `not` down to the comparisons."""

    def __init__(self, relation: Relation, segments: Mapping[str, Predicate]) -> None:
        self.relation = relation
        self.segments = segments
        self.entered: list[str] = []
        self.comparison_count = 0

    def compile(self, predicate: Predicate, path: Path, *, negated: bool) -> exp.Expr:
        if isinstance(predicate, Not):
            return self.compile(predicate.not_, (*path, "not"), negated=not negated)
        if isinstance(predicate, All):
            join = exp.or_ if negated else exp.and_
            return self._join(join, predicate.all, (*path, "all"), negated=negated)
        if isinstance(predicate, AnyOf):
            join = exp.and_ if negated else exp.or_
            return self._join(join, predicate.any, (*path, "any"), negated=negated)
        if isinstance(predicate, InSegment):
            return self._segment(predicate.segment, path, negated=negated)
        self.comparison_count += 1
        if self.comparison_count > MAX_COMPARISONS:
            reason = "too many comparisons, those of the segments it names included"
            raise PredicateError(path, reason, f"at most {MAX_COMPARISONS}")
        return self._comparison(predicate, path, negated=negated)

    def _join(
        self, join: object, parts: list[Predicate], path: Path, *, negated: bool
    ) -> exp.Expr:
        compiled = [
            self.compile(part, (*path, index), negated=negated)
            for index, part in enumerate(parts)
        ]
        if len(compiled) == 1:
            return compiled[0]
        return exp.paren(join(*compiled), copy=False)  # type: ignore[operator]

    def _segment(self, name: str, path: Path, *, negated: bool) -> exp.Expr:
        if name not in self.segments:
            known = ", ".join(sorted(self.segments)) or "none is defined here"
            reason = f"no segment is called {name!r}"
            raise PredicateError((*path, "segment"), reason, known)
        if name in self.entered:
            circle = " > ".join([*self.entered, name])
            raise PredicateError((*path, "segment"), f"goes round: {circle}")
        self.entered.append(name)
        try:
            # A place inside another segment's file is no place in this one.
            return self.compile(self.segments[name], (), negated=negated)
        except PredicateError as problem:
            at = (*path, "segment")
            raise PredicateError(at, problem.reason, problem.allowed) from None
        finally:
            self.entered.pop()

    def _comparison(
        self, comparison: Comparison, path: Path, *, negated: bool
    ) -> exp.Expr:
        operator, value = comparison.operator, comparison.value
        if comparison.column is not None:
            column = self.known_column(comparison.column, path)
            subject = exp.column(comparison.column, quoted=True)
        else:
            column = Column(_property_type(operator, value, path))
            subject = self.property_of(comparison.property_ or "", column.type, path)
        if operator not in _OPERATORS[column.type]:
            allowed = ", ".join(_OPERATORS[column.type])
            reason = f"{operator!r} does not fit {column.type}"
            raise PredicateError((*path, operator), reason, allowed)
        if operator == "exists":
            return _presence(subject, is_present=value != negated)
        values = _literals(value, column.type, (*path, operator))
        holds = _test(subject, column.type, operator, values)
        return _two_valued(subject, column, holds, negated=negated)

    def known_column(self, name: str, path: Path) -> Column:
        """Return the column, or refuse a name that the relation lacks."""
        column = self.relation.columns.get(name)
        if column is None:
            allowed = ", ".join(sorted(self.relation.columns))
            reason = f"{self.relation.name} has no column {name!r}"
            raise PredicateError((*path, "column"), reason, allowed)
        return column

    def property_of(self, name: str, type_: ColumnType, path: Path) -> exp.Expr:
        """Return a property as a value of a type; null where it is of another."""
        if self.relation.properties is None:
            reason = f"{self.relation.name} have no properties"
            raise PredicateError((*path, "property"), reason, "column")
        json_type = _JSON_TYPES[type_]
        tree = _PROPERTY.copy() if json_type else _ANY_PROPERTY.copy()
        for column in tree.find_all(exp.Identifier):
            column.set("this", self.relation.properties)
        for key in tree.find_all(exp.JSONPathKey):
            key.set("this", name)
        if json_type:
            found = tree.args["ifs"][0]
            found.this.set("expression", exp.Literal.string(json_type))
            if type_ != "text":
                found.set("true", exp.cast(found.args["true"], type_))
        return tree


# Null where the property is missing or of another type, so that no cast can fail.
# The inner parentheses keep sqlglot from reading the arrow as a lambda.
_PROPERTY = sqlglot.parse_one(
    """case when jsonb_typeof(("p" -> 'k')) = 'string' then "p" ->> 'k' end""",
    read="postgres",
)
_ANY_PROPERTY = sqlglot.parse_one("""("p" ->> 'k')""", read="postgres")
_JSON_TYPES: dict[str, str] = {
    "text": "string",
    "numeric": "number",
    "boolean": "boolean",
    "text[]": "",
}


def _property_type(operator: str, value: object, path: Path) -> ColumnType:
    """Tell the type of a property by what it is compared with."""
    sample = value[0] if isinstance(value, list) else value
    if operator == "exists":
        return "text[]"
    if isinstance(sample, bool):
        return "boolean"
    if isinstance(sample, int | float):
        return "numeric"
    if isinstance(sample, str):
        return "text"
    reason = "properties have no dates"
    raise PredicateError((*path, operator), reason, "text, number, true, false")


def _literals(value: object, type_: ColumnType, path: Path) -> list[exp.Expr]:
    values = value if isinstance(value, list) else [value]
    return [_literal(item, type_, path) for item in values]


def _literal(value: object, type_: ColumnType, path: Path) -> exp.Expr:
    """Return `value` as a literal of `type_`, refusing what is not exactly that."""
    expected = _VALUE_TYPES[type_]
    # bool is an int to Python, and a datetime is a date; here neither is.
    if type(value) not in expected:
        reason = f"{type(value).__name__} does not fit {type_}"
        names = " or ".join(each.__name__ for each in expected)
        raise PredicateError(path, reason, names)
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, str):
        return exp.Literal.string(_plain(value, path))
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise PredicateError(
                path, "an instant without zone", "2026-01-31T00:00:00Z"
            )
        utc = value.astimezone(dt.UTC).isoformat()
        return exp.cast(exp.Literal.string(utc), "timestamptz")
    if isinstance(value, dt.date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    return _number(value, path)


def _number(value: object, path: Path) -> exp.Expr:
    if isinstance(value, int) and value not in _BIGINT:
        raise PredicateError(path, "does not fit 64 bits")
    digits = format(Decimal(str(value)), "f")
    literal = exp.Literal.number(digits.removeprefix("-"))
    return exp.Neg(this=literal) if digits.startswith("-") else literal


def _plain(value: str, path: Path) -> str:
    if "\0" in value:
        raise PredicateError(path, "holds a NUL, which Postgres cannot store")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PredicateError(path, "holds half a surrogate pair") from None
    return value


def _test(
    subject: exp.Expr,
    type_: ColumnType,
    operator: str,
    values: list[exp.Expr],
) -> exp.Expr:
    """Return the comparison as SQL has it: null where the subject is null."""
    value = values[0]
    if operator in _ORDER:
        return _ORDER[operator](this=subject, expression=value)
    if operator == "one_of":
        return exp.In(this=subject, expressions=values)
    if operator == "starts_with":
        return exp.StartsWith(this=subject, expression=value)
    if operator == "contains" and type_ == "text[]":
        return exp.ArrayContainsAll(
            this=subject, expression=exp.Array(expressions=values)
        )
    if operator == "contains":
        return exp.GT(
            this=exp.StrPosition(this=subject, substr=value),
            expression=exp.Literal.number("0"),
        )
    return exp.EQ(this=subject, expression=value)


def _presence(subject: exp.Expr, *, is_present: bool) -> exp.Expr:
    is_null = exp.Is(this=subject, expression=exp.Null())
    return exp.Not(this=is_null) if is_present else is_null


def _two_valued(
    subject: exp.Expr, column: Column, holds: exp.Expr, *, negated: bool
) -> exp.Expr:
    if negated:
        opposite = _OPPOSITE.get(type(holds))
        holds = (
            opposite(this=holds.this, expression=holds.expression)
            if opposite
            else exp.Not(this=holds)
        )
    if not column.is_nullable:
        return holds
    known = _presence(subject.copy(), is_present=not negated)
    join = exp.or_ if negated else exp.and_
    return exp.paren(join(known, holds), copy=False)
