"""Under the names of the trackers before us, readers find the columns they knew."""

from decimal import Decimal

import pytest

from orchestration.raw.money import EXPONENTS
from tests.warehouse.engaged_world import views
from tests.warehouse.reference_engagement import exceptions
from tests.warehouse.reference_sessions import find_sessions, hashed_key

# As the source documents list them; currency is what a value in several needs.
COLUMNS = {
    "user_activity_tracking": "id user_id session_id event_type event_data page_url "
    "user_agent ip_address created_at",
    "event_interaction_tracking": "id user_id event_id interaction_type "
    "interaction_data session_id created_at",
    "conversion_tracking": "id user_id conversion_type conversion_value "
    "conversion_data session_id campaign_id created_at currency",
    "performance_tracking": "id endpoint response_time status_code error_message "
    "created_at",
    "heatmap_data": "id page_url element_selector x_position y_position click_count "
    "hover_count scroll_depth session_id user_id created_at",
    "user_analytics": "id user_id session_id event_type page_url metadata created_at",
}


def sessions_by_event(engaged):
    return {
        id(event): hashed_key(
            session.device_id,
            session.interactive[0].source,
            session.interactive[0].event_id,
        )
        for session in find_sessions(engaged.events)
        for event in session.events
    }


@pytest.mark.parametrize("name", COLUMNS)
def test_a_view_has_exactly_the_columns_of_its_list(engaged, name):
    with engaged.connection.transaction():
        cursor = engaged.connection.execute(f"select * from published.{name} limit 0")
        found = [column.name for column in cursor.description]
    assert found == COLUMNS[name].split()


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_a_reader_may_read_every_view_and_what_it_says_of_itself(engaged, view):
    engaged.rows(f"select * from published.{view.name} limit 1")
    (row,) = engaged.rows(
        f"select obj_description('published.{view.name}'::regclass) as said"
    )
    assert row.said.startswith("One row")


def test_activities_are_counted_once_and_show_no_agent_and_no_address(engaged):
    rows = engaged.rows(
        "select * from published.user_activity_tracking order by created_at"
    )
    doubles = exceptions(engaged.events)
    sessions = sessions_by_event(engaged)
    expected = [
        (
            event.occurred_at,
            event.event_name,
            event.user_id,
            sessions.get(id(event)),
            event.page_url,
        )
        for event in engaged.counted()
        if event.is_interactive
        and event.event_name not in {"interaction", "conversion"}
        and id(event) not in doubles
    ]
    found = [
        (
            row.created_at,
            row.event_type,
            row.user_id,
            row.session_id,
            row.page_url,
        )
        for row in rows
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert len({row.id for row in rows}) == len(rows)
    assert {row.user_agent for row in rows} == {"Firefox 121 desktop", None}
    assert {row.ip_address for row in rows} == {"192.0.2.0/24", None}


def test_interactions_name_their_occasion_and_hovers_are_impressions(engaged):
    rows = engaged.rows("select * from published.event_interaction_tracking")
    classes = exceptions(engaged.events)
    expected = [
        (
            event.occurred_at,
            event.occasion_id,
            classes.get(id(event)) or event.properties["interaction_type"],
        )
        for event in engaged.counted()
        if event.event_name == "interaction"
    ]
    found = [(row.created_at, row.event_id, row.interaction_type) for row in rows]
    assert sorted(found) == sorted(expected)
    assert {kind for *_, kind in found} == {"view", "like", "impression"}


def test_conversions_have_their_value_in_major_units(engaged):
    rows = engaged.rows("select * from published.conversion_tracking")
    expected = []
    for event in engaged.counted():
        if event.event_name == "conversion":
            exponent = 0 if event.currency == "JPY" else 2
            value = event.value_minor
            major = None if value is None else Decimal(value).scaleb(-exponent)
            campaign = event.properties.get("campaign_id")
            kind = event.properties["conversion_type"]
            expected.append((event.occurred_at, kind, major, event.currency, campaign))
    found = [
        (
            row.created_at,
            row.conversion_type,
            row.conversion_value,
            row.currency,
            row.campaign_id,
        )
        for row in rows
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_minor_units_are_those_of_the_loader(engaged):
    rows = engaged.rows("select currency, exponent from published.currency_exponents")
    assert {row.currency: row.exponent for row in rows} == EXPONENTS


def test_requests_have_status_and_duration(engaged):
    rows = engaged.rows("select * from published.performance_tracking")
    found = [(row.endpoint, row.response_time, row.status_code) for row in rows]
    expected = [
        (event.properties["endpoint"], event.duration_ms, event.status_code)
        for event in engaged.counted()
        if event.event_name == "endpoint_performance"
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_pointers_lie_on_a_grid_and_old_ones_on_none(engaged):
    rows = engaged.rows(
        "select * from published.heatmap_data "
        "order by element_selector nulls first, x_position"
    )
    found = [
        (
            row.x_position,
            row.y_position,
            row.element_selector,
            row.click_count,
            row.hover_count,
            row.scroll_depth,
        )
        for row in rows
    ]
    assert found == [
        (60, 8, None, 1, 0, None),
        (99, 0, None, 0, 1, None),
        (None, None, ".event-card", 1, 3, 75),
        # What broke its contract softly is no number, and no reason to show nothing.
        (None, None, ".event-list", 0, 0, None),
    ]


def test_the_old_collection_holds_everything_people_did(engaged):
    rows = engaged.rows(
        "select event_type, count(*) from published.user_analytics group by 1"
    )
    doubles = {
        key for key, kind in exceptions(engaged.events).items() if kind == "double_view"
    }
    expected: dict[str, int] = {}
    for event in engaged.counted():
        if event.is_interactive and id(event) not in doubles:
            expected[event.event_name] = expected.get(event.event_name, 0) + 1
    assert {row.event_type: row.count for row in rows} == expected
