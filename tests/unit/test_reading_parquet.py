"""Parquet: typed columns become the JSON that they would be in a line."""

import datetime as dt
import decimal
import io
import math
import uuid

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.raw.formats import parquet
from orchestration.raw.formats.refusals import RECORD_LIMIT
from orchestration.raw.reading import Refused, read_again, read_records


def parquet_bytes(columns: dict | pa.Table, **options) -> bytes:
    buffer = io.BytesIO()
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def read(data: bytes):
    return list(read_records(io.BytesIO(data), name="events.parquet"))


def values(columns: dict) -> list[dict]:
    return [record.value for record in read(parquet_bytes(columns))]


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as refused:
        read(data)
    return refused.value.reason


def test_every_type_reads_as_its_json():
    moment = dt.datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=dt.UTC)
    identity = uuid.UUID(int=7)
    assert values(
        {
            "text": ['é\0"\n'],
            "category": pa.array(["click"]).dictionary_encode(),
            "big": pa.array([2**64 - 1], pa.uint64()),
            "at": pa.array([moment], pa.timestamp("us", tz="Europe/Berlin")),
            "naive": pa.array([moment.replace(tzinfo=None)], pa.timestamp("ns")),
            "fine": pa.array([1_774_747_800_123_456_789], pa.timestamp("ns", tz="UTC")),
            "on": [moment.date()],
            "price": [decimal.Decimal("12.30")],
            "nan": [math.nan],
            "flag": [True],
            "list": [[1, None]],
            "nested": [{"a": {"b": [1.5]}}],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "bytes": [b"ascii"],
            "uuid": pa.array([identity.bytes], pa.uuid()),
            "absent": pa.array([None], pa.string()),
            "properties": ['{"a": [1]}'],
        }
    ) == [
        {
            "text": 'é\0"\n',
            "category": "click",
            "big": 2**64 - 1,
            "at": "2026-03-29T03:30:00.123456+02:00",
            "naive": "2026-03-29 01:30:00.123456",
            "fine": "2026-03-29T01:30:00.123456+00:00",
            "on": "2026-03-29",
            "price": 12.3,
            "flag": True,
            "list": [1, None],
            "nested": {"a": {"b": [1.5]}},
            "map": {"k": 1},
            "bytes": "ascii",
            "uuid": str(identity),
            "properties": {"a": [1]},
        }
    ]


def test_rows_are_counted_across_batches_and_row_groups(monkeypatch):
    monkeypatch.setattr(parquet, "_BATCH_ROWS", (2, 64))
    data = parquet_bytes({"n": list(range(1000))}, row_group_size=150)
    records = read(data)
    assert [record.value["n"] for record in records] == list(range(1000))
    assert [record.line for record in records] == list(range(1, 1001))


def test_a_row_can_be_read_again():
    (record,) = read(parquet_bytes({"a": [1], "b": [None], "properties": ['{"x":1}']}))
    assert record.value == {"a": 1, "properties": {"x": 1}}
    assert read_again(record.raw, format="parquet").value == record.value


def test_a_bad_row_has_its_reason_and_hides_no_neighbour():
    texts = pa.array([b"a", b"\xff", b"c", b"d", b"e"]).view(pa.string())
    long = ["", "", "", "x" * RECORD_LIMIT, ""]
    numbers = [1.0, 1.0, math.inf, 1.0, 1.0]
    records = read(parquet_bytes({"text": texts, "number": numbers, "long": long}))
    assert [record.problem for record in records] == [
        *(None, "invalid_utf8", "number_out_of_range", "line_too_long", None)
    ]
    assert b"\\\\xff" in records[1].raw
    assert msgspec.json.decode(records[1].raw)["number"] == 1.0


def test_a_file_without_rows_has_no_records():
    assert read(parquet_bytes({"a": pa.array([], pa.string())})) == []
    assert read(b"") == []


def test_a_broken_file_is_refused():
    data = parquet_bytes({"a": ["some text"] * 1000, "b": list(range(1000))})
    assert refusal(b"PAR1") == "corrupt_parquet"
    assert refusal(data[:-20]) == "corrupt_parquet"
    assert refusal(data[: len(data) // 2] + data[len(data) // 2 + 9 :]) == (
        "corrupt_parquet"
    )
    assert refusal(b'{"a":1}\n') == "wrong_format"


def test_columns_without_a_json_form_are_refused():
    assert refusal(parquet_bytes({"a": [{"b": b"x"}]})) == "parquet_type"
    twice = pa.table([[1], [2]], names=["a", "a"])
    assert refusal(parquet_bytes(twice)) == "corrupt_parquet"
