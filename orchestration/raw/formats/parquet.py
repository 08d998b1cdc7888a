"""Parquet: every row becomes the JSON line that it would be in an NDJSON file.

So a row that is set aside can be read again like any other, and the JSON is written
by Polars at a third of the cost of building dictionaries from columns.
"""

from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.raw.envelope import LineEnvelope
from orchestration.raw.formats.compression import Seekable
from orchestration.raw.formats.envelope_columns import column_envelopes
from orchestration.raw.formats.json_values import decode
from orchestration.raw.formats.plain_lines import Plain, runs
from orchestration.raw.formats.properties import unpacked
from orchestration.raw.formats.refusals import (
    KEPT_OF_LONG_RECORD,
    RECORD_LIMIT,
    Refused,
)
from orchestration.raw.records import Record

_BATCH_BYTES = 32 << 20
_BATCH_ROWS = (64, 20_000)
_BUFFER_SIZE = 1 << 20


def read_parquet(stream: Seekable, *, plain: Plain | None = None) -> Iterator[Record]:
    """Read the rows of a Parquet file: `line` counts rows, `offset` is one less.

    Parquet cannot say that a field is absent, so nulls are left out. NaN has no
    JSON form and reads as null; an infinite number is a problem of its row.
    """
    row = 0
    for batch in _batches(stream):
        frame, invalid = _frame(batch)
        lines = frame.write_ndjson().encode().split(b"\n")[: batch.num_rows]
        problems = _problems(lines, invalid, _infinite_rows(frame))
        first = row
        for raw, envelope in zip(lines, _envelopes(frame, lines, plain), strict=True):
            problem = problems.get(row - first)
            if problem:
                kept = raw if len(raw) <= RECORD_LIMIT else raw[:KEPT_OF_LONG_RECORD]
                yield Record(row + 1, row, kept, None, problem)
            else:
                yield Record(row + 1, row, raw, envelope or _value(raw), None)
            row += 1


def _envelopes(
    frame: pl.DataFrame, lines: list[bytes], plain: Plain | None
) -> Sequence[LineEnvelope | None]:
    """Return the event that each row plainly is."""
    if plain is None:
        return [None] * len(lines)
    found = column_envelopes(frame)
    if found is not None:
        return found
    return [each for _, envelopes in runs(lines, plain) for each in envelopes]


def _problems(
    lines: list[bytes], invalid: set[int], infinite: set[int]
) -> dict[int, str]:
    """Return what is wrong with rows as a whole, by their place."""
    problems = {
        at: "line_too_long" for at, raw in enumerate(lines) if len(raw) > RECORD_LIMIT
    }
    problems |= dict.fromkeys(infinite, "number_out_of_range")
    return problems | dict.fromkeys(invalid, "invalid_utf8")


def _value(raw: bytes) -> dict[str, object]:
    return unpacked(
        {key: item for key, item in decode(raw).items() if item is not None}
    )


def _batches(stream: Seekable) -> Iterator[pa.RecordBatch]:
    """Give the rows a few megabytes at a time."""
    try:
        file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER_SIZE)
        names = file.schema_arrow.names
        if not names or len(set(names)) < len(names):
            raise Refused("corrupt_parquet")
        for field in file.schema_arrow:
            _refuse_nested_binary(field.type)
        fewest, most = _BATCH_ROWS
        size = sum(
            file.metadata.row_group(index).total_byte_size
            for index in range(file.metadata.num_row_groups)
        )
        rows = file.metadata.num_rows * _BATCH_BYTES // max(size, 1)
        yield from file.iter_batches(batch_size=max(fewest, min(most, rows)))
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        # Arrow's words are dropped: they may quote values.
        raise Refused("corrupt_parquet") from None


def _refuse_nested_binary(kind: pa.DataType) -> None:
    for index in range(kind.num_fields):
        inner = kind.field(index).type
        if _is_binary(inner):
            raise Refused("parquet_type")
        _refuse_nested_binary(inner)


def _is_binary(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
        or isinstance(kind, pa.BaseExtensionType)
    )


def _frame(batch: pa.RecordBatch) -> tuple[pl.DataFrame, set[int]]:
    """Return the rows as JSON-able columns, and which rows hold invalid text."""
    invalid: set[int] = set()
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        if isinstance(kind, pa.UuidType):
            text = [str(item) if item else None for item in column.to_pylist()]
            columns[name] = pl.Series(text, dtype=pl.String)
            continue
        plain = column.storage if isinstance(kind, pa.BaseExtensionType) else column
        columns[name] = pl.from_arrow(_valid_text(plain, invalid))
    frame = pl.DataFrame(columns)
    # Postgres keeps microseconds, and JSON has no decimals but doubles.
    fine = [
        name
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime) and kind.time_unit == "ns"
    ]
    decimals = [name for name, kind in frame.schema.items() if kind.is_decimal()]
    frame = frame.with_columns(
        pl.col(fine).dt.cast_time_unit("us"), pl.col(decimals).cast(pl.Float64)
    )
    return frame, invalid


def _valid_text(column: pa.Array, invalid: set[int]) -> pa.Array:
    """Return text that is UTF-8; add to `invalid` the rows where it was not.

    Neither Arrow nor Polars checks on its own, and Parquet writers do not either.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not _is_binary(column.type):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if column.type.num_fields:
                raise Refused("corrupt_parquet") from None
        else:
            return column
    items = column.cast(pa.large_binary()).to_pylist()
    texts = []
    for index, item in enumerate(items):
        text = None if item is None else item.decode(errors="backslashreplace")
        texts.append(text)
        if text is not None and text.encode() != item:
            invalid.add(index)
    return pa.array(texts, pa.large_string())


def _infinite_rows(frame: pl.DataFrame) -> set[int]:
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    if not floats:
        return set()
    is_infinite = frame.select(pl.any_horizontal(pl.col(floats).is_infinite()))
    return set(is_infinite.to_series().arg_true())
