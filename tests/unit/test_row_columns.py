"""Rows side by side are the rows one by one."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.raw.chunks import Chunk, Part
from orchestration.raw.records import Batch
from orchestration.raw.row_columns import Row, Rows
from tests.unit.normalizing import event, is_conserved, normalize

BIGINTS = st.integers(-(2**63) + 1, 2**63 - 1)
ROW = st.builds(
    Row,
    event_key=st.none() | BIGINTS,
    id_hash=BIGINTS,
    event_id=st.text(max_size=3),
    event_name=st.text(max_size=3),
    occurred_on=st.dates(),
    occurred_at=BIGINTS,
    received_at=st.none() | BIGINTS,
    sent_at=st.none() | BIGINTS,
    payload_hash=BIGINTS,
    device_id=st.none() | st.text(max_size=3),
    has_violation=st.booleans(),
    contract_version=st.integers(1, 9),
    is_too_late=st.booleans(),
    packed=st.binary(max_size=3),
)
ROWS = st.lists(ROW, max_size=8)
# As late as a calendar has, and one that has no such day in UTC.
EDGES = ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-03-09T10:00"]


@settings(max_examples=25)
@given(ROWS)
def test_rows_come_out_as_they_went_in(rows):
    assert list(Rows.of(rows)) == rows
    nameless = [at for at, row in enumerate(rows) if row.event_key is None]
    assert Rows.of(rows).nameless() == nameless


@settings(max_examples=25)
@given(st.lists(ROWS, max_size=4))
def test_rows_that_follow_each_other_are_joined_in_order(parts):
    joined = Rows.joined([Rows.of(part) for part in parts])
    assert list(joined) == [row for part in parts for row in part]


@settings(max_examples=25)
@given(ROWS, st.data())
def test_rows_are_taken_in_the_order_asked_for(rows, data):
    places = data.draw(st.lists(st.sampled_from(range(len(rows))))) if rows else []
    taken = Rows.of(rows).take(np.array(places, dtype=np.int64))
    assert list(taken) == [rows[place] for place in places]


@settings(max_examples=25)
@given(ROWS, ROW, st.data())
def test_a_row_is_replaced_alone(rows, row, data):
    place = data.draw(st.integers(0, len(rows)))
    columns = Rows.of([*rows[:place], row, *rows[place:]])
    other = data.draw(ROW)
    columns.replace(place, other)
    assert list(columns) == [*rows[:place], other, *rows[place:]]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 3), ROWS), max_size=4), st.data())
def test_rows_go_to_their_loads_in_the_order_asked_for(parts, data):
    chunk = Chunk([Part(load_id, Batch(rows=Rows.of(rows))) for load_id, rows in parts])
    owned = [(load_id, row) for load_id, rows in parts for row in rows]
    some = st.lists(st.sampled_from(range(len(owned)))) if owned else st.just([])
    places = data.draw(some)
    found = list(chunk.by_load(places))
    assert [(load, row) for load, rows in found for row in rows] == [
        owned[place] for place in places
    ]
    assert all(before[0] != after[0] for before, after in pairwise(found))


@pytest.mark.parametrize("name", ["occurred_at", "sent_at", "received_at"])
@pytest.mark.parametrize("time", EDGES)
def test_times_at_the_edge_of_the_calendar_end_the_same_both_ways(name, time):
    assert is_conserved(normalize(event(), event(event_id="e-2", **{name: time})))


def test_a_part_of_a_batch_with_all_kinds_of_records_keeps_its_order():
    batch = normalize(
        event(event_id="plain"),
        event(event_id=7),
        event(consent=[]),
        event(event_id=..., page_url="https://example.com/1"),
        event(event_id="no time", occurred_at="?"),
        event(event_id="late", sent_at=dt.date.min.isoformat()),
        event(event_id="last"),
    )
    assert batch.lines == [1, 2, 4, 7]
    assert [batch.rows.event_ids[at] for at in (0, 1, 3)] == ["plain", "7", "last"]
