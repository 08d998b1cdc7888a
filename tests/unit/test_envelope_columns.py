"""Rows of columns that are plainly events end as their JSON lines would."""

import datetime as dt
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.raw.envelope import ColumnEnvelope
from orchestration.raw.reading import read_records
from tests.unit.normalizing import both_ways, normalizer

NOON = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)
TEXTS = st.sampled_from(
    ("a", "", "web 1", "x" * 512, "x" * 513, "é\U0001f600", "a\0b", "\n", '"', "null")
)
NAMES = st.sampled_from(("page_view", "click", "custom.word", "nothing known", ""))
TIMES = st.sampled_from(
    (
        NOON,
        NOON + dt.timedelta(microseconds=1),
        NOON - dt.timedelta(days=400),
        NOON + dt.timedelta(days=2),
        dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC),
    )
)
PROPERTIES = st.sampled_from(
    (
        "{}",
        "",
        "null",
        "[]",
        " ",
        "{",
        '{"element_id":"b"}',
        '{"element_id":"b","unplanned":[1,{"a":2.5}]}',
        '{"element_id":"b","unplanned":"a@example.com"}',
        '{"element_id":null}',
        '{"password":"b"}',
        json.dumps('{"element_id":"b"}'),
        json.dumps(json.dumps({})),
        '{"a":"\\ud800"}',
    )
)
# Of each column its type, a fine value, and values that may be none.
COLUMNS = {
    "event_name": (pa.string(), "click", NAMES),
    "event_id": (pa.string(), "e-1", TEXTS),
    "occurred_at": (pa.timestamp("us", "UTC"), NOON, TIMES),
    "sent_at": (pa.timestamp("ms", "Europe/Berlin"), NOON, TIMES),
    "received_at": (pa.timestamp("us", "UTC"), NOON, TIMES),
    "sequence": (pa.int64(), 7, st.sampled_from((0, -1, 2**63 - 1))),
    "device_id": (pa.large_string(), "d-1", TEXTS),
    "user_id": (pa.string(), "u-1", TEXTS),
    "page_url": (pa.string(), "https://a.example/b", st.just("x" * 70_000)),
    "page_title": (pa.string(), "Title", TEXTS),
    "ip": (pa.string(), "203.0.113.9", st.just("no address")),
    "is_test": (pa.bool_(), False, st.just(value=True)),
    "properties": (pa.string(), '{"element_id":"b"}', PROPERTIES),
}
OPTIONAL = sorted(COLUMNS.keys() - {"event_name", "occurred_at"})
SIZE = 4


@st.composite
def tables(draw):
    absent = draw(st.sets(st.sampled_from(OPTIONAL), max_size=3))
    rows = {name: [each[1]] * SIZE for name, each in COLUMNS.items()}
    for at in range(SIZE):
        name = draw(st.sampled_from(sorted(COLUMNS)))
        rows[name][at] = draw(st.none() | COLUMNS[name][2])
    return pa.table(
        {
            name: pa.array(values, COLUMNS[name][0])
            for name, values in rows.items()
            if name not in absent
        }
    )


def as_parquet(table):
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


@settings(max_examples=100)
@given(tables())
def test_rows_of_columns_are_judged_as_their_lines(table):
    short, long = both_ways(as_parquet(table), normalizer(), kind="parquet")
    assert short == long


def values_of(table):
    plain = normalizer().plain
    reader = read_records(io.BytesIO(as_parquet(table)), name="f", plain=plain)
    return [record.value for record in reader]


@pytest.mark.parametrize("zone", ["UTC", None])
def test_events_are_built_from_columns_where_every_instant_has_a_zone(zone):
    time = pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us")).cast(
        pa.timestamp("us", zone)
    )
    (value,) = values_of(pa.table({"event_name": ["click"], "occurred_at": time}))
    assert (type(value) is ColumnEnvelope) == (zone is not None)
