"""Columns of fixed size packed together are those packed one by one."""

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.clocks import NEVER, from_micros
from orchestration.raw.fixed_columns import KEYS_SIZE, pack_fixed, pack_keys
from orchestration.raw.packing import TIMES, pack_columns, pack_identity, pack_key
from orchestration.raw.row_columns import Row

BIGINTS = st.integers(-(2**63), 2**63 - 1)
MICROS = st.integers(-(2**55), 2**55)
ROWS = st.lists(
    st.builds(
        Row,
        event_key=BIGINTS,
        id_hash=BIGINTS,
        event_id=st.just("e"),
        event_name=st.just("page_view"),
        occurred_on=st.dates(),
        occurred_at=MICROS,
        received_at=st.none() | MICROS,
        sent_at=st.none() | MICROS,
        payload_hash=BIGINTS,
        device_id=st.none(),
        has_violation=st.booleans(),
        contract_version=st.just(1),
        is_too_late=st.booleans(),
        packed=st.just(b""),
    ),
    max_size=20,
)


def columns(rows):
    names = ("event_key", "id_hash", "payload_hash", "occurred_at")
    found = {name: [getattr(row, name) for row in rows] for name in names}
    for name in ("received_at", "sent_at"):
        times = [getattr(row, name) for row in rows]
        found[name] = [NEVER if time is None else time for time in times]
    found["key"] = found["event_key"]
    first = date(1970, 1, 1).toordinal()
    found["occurred_on"] = [row.occurred_on.toordinal() - first for row in rows]
    return {name: np.array(items, dtype=np.int64) for name, items in found.items()}


@given(ROWS)
def test_keys_are_packed_together_as_one_by_one(rows):
    assert pack_keys(columns(rows)) == [pack_key(row, 0) for row in rows]


@given(ROWS)
def test_the_beginnings_of_rows_are_packed_together_as_one_by_one(rows):
    assert pack_fixed(columns(rows)) == [beginning(row) for row in rows]


def beginning(row):
    identity = pack_identity("", row.event_key, row.payload_hash)
    times = [
        None if time is None else from_micros(time)
        for time in (row.occurred_at, row.received_at, row.sent_at)
    ]
    return identity[-KEYS_SIZE:] + pack_columns(TIMES, (row.occurred_on, *times))
