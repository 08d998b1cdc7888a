"""No input raises: everything is a row, counted, or set aside with a reason."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.raw.reasons import Reason
from orchestration.raw.records import Record
from tests.unit.normalizing import (
    COMMON,
    event,
    is_conserved,
    long_way,
    made_source,
    normalize,
    normalizer,
    reason_of,
    row_of,
    shipped_source,
)
from tests.unpacking import rows_of

pytestmark = pytest.mark.thorough


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def custom(**properties):
    return event(event_name="custom.made", properties=properties)


@pytest.mark.parametrize(
    ("said", "reason", "pointer"),
    [
        (event(event_name=...), "missing_required", "/event_name"),
        (event(event_name=5), "wrong_type", "/event_name"),
        (event(event_name=None), "missing_required", "/event_name"),
        (event(occurred_at=...), "missing_required", "/occurred_at"),
        (event(occurred_at=True), "invalid_time", "/occurred_at"),
        (event(occurred_at="0000-00-00T00:00:00Z"), "invalid_time", "/occurred_at"),
        (event(occurred_at="2026-03-09T24:00:00Z"), "invalid_time", "/occurred_at"),
        (event(occurred_at="2016-12-31T23:59:60Z"), "invalid_time", "/occurred_at"),
        (event(occurred_at="2025-02-29T00:00:00Z"), "invalid_time", "/occurred_at"),
        (
            event(occurred_at="0001-01-01T00:00:00+23:59"),
            "invalid_time",
            "/occurred_at",
        ),
        (
            event(occurred_at="9999-12-31T23:59:59-23:59"),
            "invalid_time",
            "/occurred_at",
        ),
        (
            event(occurred_at="9999-12-31T23:59:59Z"),
            "impossible_time",
            "/occurred_at",
        ),
        (event(occurred_at="1969-07-20T20:17:00Z"), "impossible_time", "/occurred_at"),
        (event(received_at="soon"), "invalid_time", "/received_at"),
        (event(received_at="2030-01-01T00:00:00Z"), "impossible_time", "/received_at"),
        (event(sequence=2**63), "number_out_of_range", "/sequence"),
        (event(sequence=1.5), "wrong_type", "/sequence"),
        (event(device_id={}), "wrong_type", "/device_id"),
        (event(device_id="d" * 513), "string_too_long", "/device_id"),
        (event(consent="analytics"), "wrong_type", "/consent"),
        (event(consent=["Analytics!"]), "not_allowed_value", "/consent/0"),
        (event(is_test="perhaps"), "wrong_type", "/is_test"),
        (event(properties=[]), "wrong_type", "/properties"),
        (event(properties="{"), "invalid_json", "/properties"),
        (event(properties="[1]"), "wrong_type", "/properties"),
        (event(device_id="a\0b"), "nul_character", "/device_id"),
        (event(page_title="a\0"), "nul_character", "/page_title"),
        (event(ip="\0"), "nul_character", "/ip"),
        (event(ip="\ud800"), "lone_surrogate", "/ip"),
        (custom(a={"b": ["\0"]}), "nul_character", "/properties/a/b/0"),
        (custom(**{"a\0": 1}), "nul_character", "/properties"),
        (event(device_id="\ud800"), "lone_surrogate", "/device_id"),
        (custom(a="\udfff"), "lone_surrogate", "/properties/a"),
        (custom(**{"\ud800": 1}), "lone_surrogate", "/properties"),
        (custom(a=float("nan")), "not_a_number", "/properties/a"),
        (
            event(event_name="scroll", properties={"scroll_depth": float("nan")}),
            "not_a_number",
            "/properties/scroll_depth",
        ),
        (custom(a=[float("-inf")]), "not_a_number", "/properties/a/0"),
        (custom(a=2**64), "number_out_of_range", "/properties/a"),
        (custom(a=-(2**63) - 1), "number_out_of_range", "/properties/a"),
        (custom(a="x" * 65_537), "string_too_long", "/properties/a"),
        (custom(a=nested(70)), "too_deep", ""),
        (custom(**{"a/b~c": "\0"}), "nul_character", "/properties/a~1b~0c"),
        (
            event(event_name="scroll", properties={"scroll_depth": 101}),
            "out_of_bounds",
            "/properties/scroll_depth",
        ),
    ],
)
def test_what_cannot_be_kept_is_set_aside_with_reason_and_place(said, reason, pointer):
    batch = normalizer().normalize([Record(3, 17, b"raw", said, None)])
    assert reason_of(batch) == (reason, pointer)
    aside = batch.set_aside[0]
    assert (aside.outcome, aside.line, aside.offset) == ("quarantined", 3, 17)
    assert aside.raw == b"raw"
    assert aside.expected


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_what_is_no_object_is_set_aside(value):
    batch = normalizer().normalize([Record(1, 0, b"x", value, None)])
    assert reason_of(batch) == ("not_an_object", "")


def test_a_problem_of_the_reader_is_the_reason():
    batch = normalizer().normalize([Record(1, 0, b"{", None, "invalid_json")])
    assert reason_of(batch) == ("invalid_json", "")


def test_an_escape_that_only_looks_like_nul_is_kept():
    said = custom(a="\\u0000")
    assert row_of(normalize(said))["properties"] == {"a": "\\u0000"}


def test_what_is_shown_of_a_rejected_record_can_be_stored():
    said = event(event_name="page\ud800view", event_id="a\0b", device_id="d")
    batch = normalizer().normalize([Record(1, 0, b"", said, None)])
    aside = batch.set_aside[0]
    for text in (aside.reason, aside.pointer, aside.expected, aside.event_name or ""):
        assert "\0" not in text
        text.encode()
    assert aside.event_id is None
    assert aside.raw


def test_a_deep_record_is_refused_before_it_exhausts_the_stack():
    batch = normalizer().normalize([Record(1, 0, b"x", custom(a=nested(900)), None)])
    assert reason_of(batch) == ("too_deep", "")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(
        [
            "",
            "\0",
            "\ud800",
            "2026-03-09T10:00:00Z",
            "0000-01-01",
            "https://a.b/?utm_source=%00&email=a%40b.co",
            "http://[::1",
            "::ffff:1.2.3.4",
            "999.1.1.1",
            "EUR",
            "page_view",
            "conversion",
            "custom.x",
            "NextSong",
            -(2**63),
            2**63,
            10**400,
            1e308,
            5e-324,
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
WORDS = st.sampled_from(
    """
    event_id event_name occurred_at sent_at received_at sequence device_id user_id
    page_url page_title referrer user_agent ip consent is_test properties locale
    platform eventType eventData interactionType conversionType conversionValue
    endpoint responseTime sessionId timestamp metadata eventId remote_host time
    method path status bytes
    """.split()  # noqa: SIM905
)
NAMES = """
    value currency query filters scroll_depth interaction_type occasion_id
    conversion_type order_id message password page_title
"""
EVENT_NAMES = "page_view conversion search_performed scroll interaction custom.x"
PROPERTIES = st.dictionaries(
    st.sampled_from(NAMES.split()) | st.text(max_size=5),
    VALUES,
    max_size=5,
)
EVENTS = st.dictionaries(WORDS | st.text(max_size=5), VALUES, max_size=8) | st.builds(
    lambda name, said, properties: {
        **COMMON,
        **said,
        "event_name": name,
        "properties": properties,
    },
    st.sampled_from(EVENT_NAMES.split()),
    st.dictionaries(WORDS, VALUES, max_size=2),
    PROPERTIES,
)
SOURCES = [
    made_source(unknown_events="namespaced", default_currency="EUR"),
    made_source(unknown_events="custom", missing_time="arrival", too_late="hold"),
    made_source(time_unit="epoch_ms", timezone="Europe/Berlin", format="csv"),
    made_source(consent={"basis": "consent"}, truncated={"page_title": 3}),
    shipped_source("legacy"),
    shipped_source("access_log"),
]
REASONS = {reason.value for reason in Reason}


def judge(values, source):
    records = [Record(at, 0, b"", value, None) for at, value in enumerate(values)]
    batch = normalizer(source, timezone="America/New_York").normalize(records)
    assert batch.record_count == len(values)
    assert is_conserved(batch)
    assert len(batch.rows) == len(batch.lines) == len(batch.raws)
    for aside in batch.set_aside:
        assert aside.reason in REASONS
        assert aside.expected or aside.outcome == "held"
        for text in (aside.pointer, aside.event_name, aside.event_id):
            assert text is None or "\0" not in text
            (text or "").encode()
    for row in rows_of(batch):
        for item in row.values():
            if isinstance(item, str):
                assert "\0" not in item
                item.encode()
        json.loads(row["properties"])
        assert "\\u0000" not in row["properties"].replace("\\\\", "")
    if not batch.not_consented_count:
        # What is not kept is only looked at by the long way.
        long = long_way(source, timezone="America/New_York")
        assert batch == long.normalize(records)
    return batch


@settings(max_examples=400)
@given(st.lists(EVENTS, max_size=4), st.sampled_from(SOURCES))
def test_any_json_is_accepted_counted_or_set_aside(values, source):
    judge(values, source)


@pytest.mark.long
@settings(max_examples=6_000)
@given(st.lists(EVENTS, max_size=4), st.sampled_from(SOURCES))
def test_any_json_is_accepted_counted_or_set_aside_many_times(values, source):
    judge(values, source)


@settings(max_examples=200)
@given(st.lists(EVENTS, max_size=4), st.sampled_from(SOURCES))
def test_judging_the_same_records_again_gives_the_same(values, source):
    assert repr(judge(values, source)) == repr(judge(values, source))
