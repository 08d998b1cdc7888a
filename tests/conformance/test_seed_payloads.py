"""The payloads of the source documents load as they are written there."""

import json
import re
from pathlib import Path

import pytest

from tests.conformance.landed import CASES, load, rows, shipped

LEGACY = shipped("legacy")

# Document 002: the bodies of its tracking requests, in the order of the text.
REQUESTS = [
    {
        "eventType": "page_view",
        "sessionId": "session-123",
        "pageUrl": "https://bilten.com/events",
        "eventData": {"referrer": "google.com", "searchTerm": "music events"},
    },
    {
        "eventId": "event-uuid",
        "interactionType": "view",
        "sessionId": "session-123",
        "interactionData": {"duration": 45, "scrollDepth": 75},
    },
    {
        "conversionType": "purchase",
        "conversionValue": 99.99,
        "sessionId": "session-123",
        "campaignId": "summer2024",
        "conversionData": {"orderId": "order-123", "ticketCount": 2},
    },
    {
        "endpoint": "/api/v1/events",
        "responseTime": 245,
        "statusCode": 200,
        "errorMessage": None,
    },
    {
        "pageUrl": "https://bilten.com/events",
        "xPosition": 150,
        "yPosition": 200,
        "elementSelector": ".event-card",
        "clickCount": 1,
        "hoverCount": 3,
        "scrollDepth": 75,
        "sessionId": "session-123",
    },
]


def activity(name, data):
    """What `TrackingService.trackActivity(name, data)` posts."""
    return {
        "eventType": name,
        "sessionId": "session_1705314600000_k3j9x2p1q",
        "pageUrl": "https://bilten.com/events",
        "eventData": data,
    }


def interaction(occasion, kind, data):
    """What `TrackingService.trackEventInteraction(occasion, kind, data)` posts."""
    return {
        "eventId": occasion,
        "interactionType": kind,
        "sessionId": "session_1705314600000_k3j9x2p1q",
        "interactionData": data,
    }


def conversion(kind, value, data):
    """What `TrackingService.trackConversion(kind, value, data)` posts."""
    return {
        "conversionType": kind,
        "conversionValue": value,
        "sessionId": "session_1705314600000_k3j9x2p1q",
        "conversionData": data,
    }


def noted(name, metadata):
    """An event of document 003: its type and its metadata."""
    return {"eventType": name, "sessionId": "s-9", "metadata": metadata}


def only(value) -> dict:
    batch = load(json.dumps(value).encode(), LEGACY)
    assert [(aside.reason, aside.pointer) for aside in batch.set_aside] == []
    (row,) = rows(batch)
    assert not row["has_violation"], row["properties"]
    return row | {"properties": json.loads(row["properties"])}


def named(row, **expected):
    assert {name: row[name] for name in expected} == expected


def test_the_request_bodies_load_and_mean_what_they_say():
    view, look, purchase, call, pointer = (only(body) for body in REQUESTS)
    named(
        view,
        event_name="page_view",
        device_id="session-123",
        page_path="/events",
        referrer="google.com",
        properties={"search_term": "music events"},
    )
    named(look, event_name="interaction", occasion_id="event-uuid")
    assert look["properties"]["scroll_depth"] == 75
    assert look["properties"]["duration_seconds"] == 45
    named(
        purchase,
        event_name="conversion",
        order_id="order-123",
        value_minor=9999,
        currency="USD",
    )
    assert purchase["properties"]["campaign_id"] == "summer2024"
    named(call, event_name="endpoint_performance", duration_ms=245, status_code=200)
    assert call["device_id"] is None
    named(pointer, event_name="heatmap_pointer", page_path="/events")
    assert pointer["properties"]["is_legacy"] is True


def test_the_request_bodies_stand_in_the_document_like_this():
    path = CASES.parent / "seeds" / "002_7bb0c7cd2e2618d7.txt"
    if not Path(path).is_file():
        pytest.skip(f"no source documents: {path} does not exist")
    text = path.read_text()
    blocks = re.findall(
        r"#### POST /api/v1/tracking/(?:activity|event-interaction|conversion"
        r"|performance|heatmap)\n.*?```json\n(.*?)```",
        text,
        flags=re.DOTALL,
    )
    assert [json.loads(block) for block in blocks] == REQUESTS


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            activity("page_view", {"page": "/events", "referrer": "google.com"}),
            {"event_name": "page_view", "properties": {"page": "/events"}},
        ),
        (
            activity(
                "button_click",
                {
                    "buttonId": "buy-ticket",
                    "buttonText": "Buy Ticket",
                    "eventId": "event-123",
                },
            ),
            {"event_name": "click", "occasion_id": "event-123"},
        ),
        (
            activity(
                "search",
                {
                    "query": "music events",
                    "results": 45,
                    "filters": {"category": "music"},
                },
            ),
            {
                "event_name": "search_performed",
                "properties": {
                    "query": "music events",
                    "results_count": 45,
                    "filters": {"category": "music"},
                },
            },
        ),
        (
            activity("event_view", {"eventId": "event-123"}),
            {"event_name": "interaction", "occasion_id": "event-123"},
        ),
        (
            activity("add_to_cart", {"ticketType": "vip"}),
            {
                "event_name": "custom.add_to_cart",
                "properties": {"ticket_type": "vip"},
            },
        ),
        (
            interaction(
                "event-123",
                "view",
                {"duration": 120, "scrollDepth": 80, "source": "search_results"},
            ),
            {"event_name": "interaction", "occasion_id": "event-123"},
        ),
        (
            interaction(
                "event-123", "like", {"previousLikes": 45, "userType": "registered"}
            ),
            {"event_name": "interaction"},
        ),
        (
            interaction(
                "event-123",
                "share",
                {
                    "platform": "facebook",
                    "shareText": "Check out this amazing event!",
                },
            ),
            {
                "properties": {
                    "interaction_type": "share",
                    "occasion_id": "event-123",
                    "share_platform": "facebook",
                    "share_text": "Check out this amazing event!",
                },
            },
        ),
        (
            conversion(
                "purchase",
                99.99,
                {
                    "orderId": "order-123",
                    "eventId": "event-123",
                    "ticketCount": 2,
                    "ticketType": "vip",
                    "paymentMethod": "credit_card",
                },
            ),
            {"occasion_id": "event-123", "order_id": "order-123", "value_minor": 9999},
        ),
        (
            conversion(
                "registration",
                0,
                {"source": "event_page", "referrer": "google.com", "userType": "new"},
            ),
            {"event_name": "conversion", "value_minor": 0, "referrer": "google.com"},
        ),
        (
            conversion(
                "newsletter_signup",
                0,
                {"source": "homepage", "emailType": "marketing"},
            ),
            {"event_name": "conversion", "value_minor": 0},
        ),
        (
            {
                "endpoint": "/api/v1/events",
                "responseTime": 30_012,
                "statusCode": 500,
                "errorMessage": "Failed to fetch",
            },
            {"status_code": 500, "duration_ms": 30_012},
        ),
        # Document 003.
        (
            noted(
                "booking_attempt",
                {
                    "therapistId": "therapist123",
                    "serviceType": "massage",
                    "duration": 90,
                    "totalPrice": 150000,
                    "location": "Jakarta",
                    "paymentMethod": "cash",
                },
            ),
            {
                "event_name": "booking_attempt",
                "provider_id": "therapist123",
                "value_minor": 15_000_000,
                "currency": "IDR",
            },
        ),
        (
            noted("chat_started", {"chatId": "chat123", "participantType": "customer"}),
            {"properties": {"chat_id": "chat123", "participant_type": "customer"}},
        ),
        (
            noted(
                "chat_message_sent",
                {
                    "chatId": "conversation456",
                    "participantType": "customer",
                    "messageLength": 45,
                    "hasAttachment": False,
                },
            ),
            {"event_name": "chat_message_sent"},
        ),
        (
            noted(
                "search_performed",
                {
                    "query": "massage therapist",
                    "filters": {"city": "Jakarta"},
                    "results": 25,
                },
            ),
            {"event_name": "search_performed"},
        ),
        (
            noted(
                "user_registered", {"userType": "therapist", "method": "email_signup"}
            ),
            {"event_name": "user_registered"},
        ),
        (
            noted(
                "error_occurred",
                {"message": "network", "context": "user_registration"},
            ),
            {"event_name": "error_occurred"},
        ),
        (
            noted(
                "custom_event",
                {
                    "feature": "special_promotion",
                    "value": 12.5,
                    "timestamp": "2026-01-01T10:00:00.000Z",
                },
            ),
            {
                "event_name": "custom.custom_event",
                "properties": {"feature": "special_promotion", "value": 12.5},
            },
        ),
    ],
)
def test_an_example_of_the_documents_loads(body, expected):
    named(only(body), **expected)


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({"scrollDepth": 101}, "/properties/scroll_depth"),
        ({"duration": -1}, "/properties/duration_seconds"),
    ],
)
def test_an_interaction_outside_its_bounds_is_set_aside(data, pointer):
    body = interaction("event-123", "view", data)
    batch = load(json.dumps(body).encode(), LEGACY)
    assert [(aside.reason, aside.pointer) for aside in batch.set_aside] == [
        ("out_of_bounds", pointer)
    ]


def test_a_batch_of_the_documents_loads_and_its_resend_is_the_same():
    batch = {"events": [REQUESTS[0], REQUESTS[1], REQUESTS[0]]}
    first, again = (rows(load(json.dumps(batch).encode(), LEGACY)) for _ in range(2))
    assert len({row["event_id"] for row in first}) == 3
    assert first == again
