"""What is recent is what lies before the watermark, counted as by hand."""

from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.warehouse.engaged_world import WATERMARK
from tests.warehouse.reference_engagement import counted_class, exceptions
from tests.warehouse.reference_sessions import find_sessions

# Range, hours, minutes per bucket.
RANGES = [
    ("1h", 1, 5),
    ("6h", 6, 15),
    ("24h", 24, 60),
    ("7d", 168, 360),
    ("30d", 720, 1440),
]
ENDS = WATERMARK.replace(minute=30, second=0)
each_range = pytest.mark.parametrize(
    ("time_range", "hours", "minutes"), RANGES, ids=str
)


def inside(engaged, hours):
    """Return the events of a range, without views that fired twice, and their type."""
    classes = exceptions(engaged.events)
    for event in engaged.counted():
        if not ENDS - timedelta(hours=hours) <= event.occurred_at < ENDS:
            continue
        match counted_class(event, classes):
            case "double_view":
                continue
            case "impression":
                yield event, "impression"
            case _:
                yield event, event.event_name


def bucket(event, hours, minutes):
    start = ENDS - timedelta(hours=hours)
    width = timedelta(minutes=minutes)
    return start + (event.occurred_at - start) // width * width


@each_range
def test_activity_equals_brute_force_with_every_bucket(
    engaged, time_range, hours, minutes
):
    rows = engaged.rows(
        f"select * from published.recent_activity where time_range = '{time_range}'"
    )
    found = {(row.event_type, row.time_bucket): row.event_count for row in rows}
    assert len(found) == len(rows)
    expected = Counter(
        (kind, bucket(event, hours, minutes)) for event, kind in inside(engaged, hours)
    )
    assert {key: count for key, count in found.items() if count} == expected
    # Every type that the longest range knows has every bucket of every range.
    types = {kind for _, kind in inside(engaged, 720)}
    count = hours * 60 // minutes
    assert Counter(kind for kind, _ in found) == dict.fromkeys(types, count)
    assert 0 in found.values()
    assert {row.data_complete_through for row in rows} == {WATERMARK}
    for row in rows:
        over = row.time_bucket + timedelta(minutes=minutes)
        last = (WATERMARK - timedelta(days=3)).replace(hour=0, minute=0, second=0)
        assert row.is_final == (over <= last)


@each_range
def test_activity_of_a_user_and_an_occasion_equals_brute_force(
    engaged, time_range, hours, minutes
):
    rows = engaged.rows(
        "select * from published.recent_activity_detail "
        f"where time_range = '{time_range}'"
    )
    found = Counter()
    for row in rows:
        key = (row.event_type, row.user_id, row.occasion_id, row.time_bucket)
        found[key] += row.event_count
    assert len(found) == len(rows)
    assert found == Counter(
        (kind, event.user_id, event.occasion_id, bucket(event, hours, minutes))
        for event, kind in inside(engaged, hours)
    )
    filtered = engaged.rows(
        "select sum(event_count)::int as total from published.recent_activity_detail "
        f"where time_range = '{time_range}' and user_id = 'u1' and occasion_id = 'o1' "
        "and event_type in ('page_view', 'click')"
    )
    assert (filtered[0].total or 0) == sum(
        kind in {"page_view", "click"}
        and (event.user_id, event.occasion_id) == ("u1", "o1")
        for event, kind in inside(engaged, hours)
    )


@each_range
def test_conversions_have_their_value_in_minor_units_and_currency(
    engaged, time_range, hours, minutes
):
    rows = engaged.rows(
        f"select * from published.recent_conversions where time_range = '{time_range}'"
    )
    expected = defaultdict(lambda: [0, 0])
    for event, kind in inside(engaged, hours):
        if kind == "conversion":
            goal = event.properties["conversion_type"]
            place = (goal, event.currency, bucket(event, hours, minutes))
            expected[place][0] += 1
            expected[place][1] += event.value_minor or 0
    found = {
        (row.conversion_type, row.currency, row.time_bucket): [
            row.conversion_count,
            row.value_minor,
        ]
        for row in rows
    }
    assert {key: pair for key, pair in found.items() if pair[0]} == expected
    assert len(rows) == 4 * hours * 60 // minutes


@pytest.mark.parametrize(("time_range", "hours"), [each[:2] for each in RANGES])
def test_an_endpoint_has_the_average_of_its_requests(engaged, time_range, hours):
    rows = engaged.rows(
        f"select * from published.recent_endpoints where time_range = '{time_range}'"
    )
    requests = defaultdict(list)
    for event, kind in inside(engaged, hours):
        if kind == "endpoint_performance":
            path = event.properties["endpoint"].split("?")[0]
            requests["/api/b/:id" if "/b/" in path else path].append(event)
    assert {row.endpoint for row in rows} == requests.keys()
    for row in rows:
        events = requests[row.endpoint]
        timed = [item.duration_ms for item in events if item.duration_ms is not None]
        assert (row.average_duration_ms is None) == (not timed)
        if timed:
            average = Decimal(sum(timed)) / len(timed)
            assert row.average_duration_ms == pytest.approx(average)
        assert row.request_count == len(events)
        assert row.error_count == sum((item.status_code or 0) >= 500 for item in events)
        assert row.client_failure_count == sum(
            item.status_code is None for item in events
        )


def test_an_active_session_had_an_event_in_the_half_hour_before_the_watermark(engaged):
    active = [
        session
        for session in find_sessions(engaged.events)
        if not session.is_excluded
        and any(
            WATERMARK - timedelta(minutes=30) <= event.occurred_at < WATERMARK
            for event in session.interactive
        )
    ]
    assert len(active) > 3
    (row,) = engaged.rows("select * from published.active_sessions")
    assert row.active_session_count == len(active)
    assert row.data_complete_through == WATERMARK
