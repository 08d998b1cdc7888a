"""Keys packed as columns are those packed one by one."""

from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.packing import pack_key, pack_whole_keys
from orchestration.raw.records import Row

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
        received_at=MICROS,
        sent_at=MICROS,
        payload_hash=BIGINTS,
        device_id=st.none(),
        has_violation=st.booleans(),
        contract_version=st.just(1),
        is_too_late=st.booleans(),
        packed=st.just(b""),
    ),
    unique_by=lambda row: row.event_key,
    max_size=20,
)


@given(ROWS)
def test_keys_are_packed_together_as_one_by_one(rows):
    ordered = sorted(rows, key=lambda row: row.event_key)
    assert pack_whole_keys(rows) == b"".join(pack_key(row, 0) for row in ordered)
