"""Columns that plainly hold events: envelopes without a look at any JSON."""

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import msgspec
import polars as pl
from msgspec import Raw

from orchestration.raw.clocks import FIRST_MICROS, LAST_MICROS
from orchestration.raw.envelope import NOTHING, TIME_FIELDS, ColumnEnvelope, Envelope

_INTEGERS = {pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32}


def _longest(field: msgspec.inspect.Field) -> int | None:
    """Return how long the text of a field may be; None if it is no text."""
    kinds = getattr(field.type, "types", (field.type,))
    found = [each for each in kinds if isinstance(each, msgspec.inspect.StrType)]
    return found[0].max_length if found else None


_INFO: Any = msgspec.inspect.type_info(Envelope)
_LONGEST = {
    field.name: length
    for field in _INFO.fields
    if (length := _longest(field)) is not None
}


def column_envelopes(frame: pl.DataFrame) -> list[ColumnEnvelope | None] | None:
    """Return the event of each row, or None where only its JSON tells what it is.

    None for all of them if columns are not of the envelope, or not of its types.
    """
    schema = frame.schema
    is_plain = all(_is_plain(name, kind) for name, kind in schema.items())
    if not is_plain or "event_name" not in schema:
        return None
    columns = {name: _values(frame[name]) for name in schema}
    absent = {"properties": NOTHING}
    envelopes = map(
        ColumnEnvelope,
        *(
            columns.get(name, repeat(absent.get(name)))
            for name in ColumnEnvelope.__struct_fields__
        ),
    )
    conditions = [_condition(name) for name in schema]
    fits = frame.select(pl.all_horizontal(conditions)).to_series().to_list()
    return [
        envelope if is_fit else None
        for envelope, is_fit in zip(envelopes, fits, strict=True)
    ]


def _is_plain(name: str, kind: pl.DataType) -> bool:
    if name in TIME_FIELDS:
        return isinstance(kind, pl.Datetime) and kind.time_zone is not None
    if name == "sequence":
        return kind in _INTEGERS
    if name == "is_test":
        return kind == pl.Boolean
    return kind == pl.String and (name == "properties" or name in _LONGEST)


def _condition(name: str) -> pl.Expr:
    """Return whether the value of a row is one that the envelope takes."""
    column = pl.col(name)
    if name in TIME_FIELDS:
        fits = column.dt.epoch("us").is_between(FIRST_MICROS, LAST_MICROS)
    elif name in _LONGEST:
        fits = column.str.len_chars().is_between(1, _LONGEST[name])
    elif name == "properties":
        # Text in quotes would be taken for properties that are text once more.
        fits = ~column.str.starts_with('"')
    else:
        return pl.lit(value=True)
    return fits.fill_null(value=name != "event_name")


def _values(column: pl.Series) -> Iterable[object]:
    if column.name in TIME_FIELDS:
        return column.dt.epoch("us").to_list()
    if column.name == "properties":
        texts = column.cast(pl.Binary).to_list()
        return [NOTHING if text is None else Raw(text) for text in texts]
    return column.to_list()
