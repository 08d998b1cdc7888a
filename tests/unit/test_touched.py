"""Devices are touched from their first event of a load and a day to their last."""

from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.touched import Touched

DAY = 86_400_000_000
TIMES = (0, DAY - 1, DAY, 3 * DAY + 5, -1)
EVENT = st.tuples(st.sampled_from((None, "a", "b", "c")), st.sampled_from(TIMES))


@given(st.lists(st.tuples(st.integers(1, 2), st.lists(EVENT, max_size=5)), max_size=5))
def test_spans_of_devices_are_those_of_all_their_events(chunks):
    touched = Touched()
    expected = {}
    for load_id, events in chunks:
        devices = [device for device, _ in events]
        touched.add_devices(load_id, devices, [instant for _, instant in events])
        for device, instant in events:
            if device is not None:
                spans = expected.setdefault((load_id, instant // DAY), {})
                spans.setdefault(device, []).append(instant)
    assert {key: spans for key, spans in touched.spans.items() if spans} == {
        key: {name: (min(each), max(each)) for name, each in devices.items()}
        for key, devices in expected.items()
    }
