"""A record becomes a row: identity, clocks, consent, columns, flags."""

import datetime as dt
import hashlib
import json

import pytest

from orchestration.raw.keys import event_key
from orchestration.raw.records import EVENT_COLUMNS, Record
from tests.unit.normalizing import (
    NOW,
    WEB,
    event,
    is_conserved,
    made_source,
    normalize,
    normalizer,
    one_row,
    reason_of,
    record,
    row_of,
    shipped_source,
)


def test_a_plain_event_becomes_one_row_with_the_right_type_in_every_column():
    row = one_row(
        sent_at="2026-03-09T10:00:01Z",
        received_at="2026-03-09T10:00:02Z",
        sequence=7,
        user_id="u-1",
        client_session_id="s-1",
        page_url="https://shop.example/events/4711?utm_source=news&utm_medium=mail",
        page_title="Jazz at the pier",
        referrer="https://search.example/",
        user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ip="203.0.113.77",
        locale="de-DE",
        app_version="4.2",
        platform="web",
        region="BE",
        is_test=True,
        properties={"load_ms": 812.4, "occasion_id": "o-1"},
    )
    assert row == {
        "event_key": event_key("web", "e-1"),
        "source": "web",
        "event_id": "e-1",
        "event_name": "page_view",
        "occurred_on": dt.date(2026, 3, 9),
        "occurred_at": dt.datetime(2026, 3, 9, 10, 0, 1, tzinfo=dt.UTC),
        "received_at": dt.datetime(2026, 3, 9, 10, 0, 2, tzinfo=dt.UTC),
        "sent_at": dt.datetime(2026, 3, 9, 10, 0, 1, tzinfo=dt.UTC),
        "source_sequence": 7,
        "device_id": "d-1",
        "user_id": "u-1",
        "client_session_id": "s-1",
        "page_url": "https://shop.example/events/4711?utm_source=news&utm_medium=mail",
        "page_path": "/events/:id",
        "referrer": "https://search.example/",
        "utm_source": "news",
        "utm_medium": "mail",
        "utm_campaign": None,
        "utm_term": None,
        "utm_content": None,
        "occasion_id": "o-1",
        "listing_id": None,
        "provider_id": None,
        "booking_id": None,
        "order_id": None,
        "value_minor": None,
        "currency": None,
        "duration_ms": 812,
        "status_code": None,
        "platform": "web",
        "device_class": "desktop",
        "browser_family": "Chrome",
        "browser_major": "120",
        "ip_truncated": "203.0.113.0",
        "region": "BE",
        "locale": "de-DE",
        "app_version": "4.2",
        "is_interactive": True,
        "is_bot": False,
        "is_internal": False,
        "is_test": True,
        "has_violation": False,
        "is_clock_future": False,
        "lateness": "on_time",
        "purposes": ["analytics"],
        "payload_hash": row["payload_hash"],
        "contract_version": 1,
        "rule_version": 1,
        "properties": {
            "load_ms": 812.4,
            "occasion_id": "o-1",
            "page_title": "Jazz at the pier",
        },
    }
    assert list(row) == list(EVENT_COLUMNS)


def test_the_payload_hash_is_of_the_canonical_record():
    content = (
        '{"device_id":"d-1","event_id":"e-1","event_name":"page_view",'
        '"occurred_at":1773050400000000,"properties":{"load_ms":1}}'
    )
    digest = hashlib.sha256(content.encode()).digest()
    expected = int.from_bytes(digest[:8], "big", signed=True)
    assert one_row(properties={"load_ms": 1})["payload_hash"] == expected


DELIVERY = {
    "sent_at": "2026-03-09T10:00:05Z",
    "received_at": "2026-03-09T10:00:06Z",
    "ip": "198.51.100.7",
}


def test_a_retry_has_the_same_payload_hash_however_it_was_delivered():
    first = one_row()
    assert one_row(**DELIVERY)["payload_hash"] == first["payload_hash"]
    assert one_row(user_id=None)["payload_hash"] == first["payload_hash"]
    offset = one_row(occurred_at="2026-03-09T12:00:00+02:00")
    assert offset["payload_hash"] == first["payload_hash"]


def test_the_order_of_fields_changes_no_hash():
    said = event(properties={"b": 1, "a": {"d": 1, "c": 2}}, event_name="custom.made")
    turned = json.loads(json.dumps(said), object_pairs_hook=lambda p: dict(p[::-1]))
    rows = [row_of(normalize(item)) for item in (said, turned)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "said",
    [
        {"device_id": "d-2"},
        {"occurred_at": "2026-03-09T10:00:01Z"},
        {"properties": {"load_ms": 1}},
        {"page_title": "Other"},
    ],
)
def test_other_content_has_another_payload_hash(said):
    assert one_row(**said)["payload_hash"] != one_row()["payload_hash"]


def test_the_short_and_the_long_way_end_in_the_same_row():
    # A null property sends a record the long way and says nothing.
    said = {"properties": {"load_ms": 5}, "page_title": "T", **DELIVERY}
    short = one_row(**said)
    long = one_row(**{**said, "properties": {"load_ms": 5, "page": None}})
    assert short == long


def test_what_is_masked_alike_is_still_other_content():
    one, two = (
        one_row(event_name="search_performed", properties={"query": query})
        for query in ("ada@example.org", "bob@example.org")
    )
    assert one["properties"] == two["properties"] == {"query": "[email]"}
    assert one["payload_hash"] != two["payload_hash"]


def test_identical_rows_without_id_are_kept_apart_by_their_ordinal():
    plain = event(event_id=...)
    batch = normalize(plain, plain, event(event_id=..., device_id="d-2"), plain)
    ids = [row.event_id for row in batch.rows]
    assert len(set(ids)) == 4
    again = normalize(plain, plain, event(event_id=..., device_id="d-2"), plain)
    assert [row.event_id for row in again.rows] == ids
    assert [row.event_key for row in batch.rows] == [
        event_key("web", item) for item in ids
    ]


def test_ordinals_run_on_over_the_chunks_of_a_file():
    plain = event(event_id=...)
    whole = normalize(plain, plain, plain)
    one = normalizer()
    pieces = [one.normalize([record(plain)]).rows[0] for _ in range(3)]
    assert pieces == list(whole.rows)


def test_the_sender_tries_again_without_id_and_gets_the_same_one():
    first = row_of(normalize(event(event_id=...)))
    again = row_of(normalize(event(event_id=..., **DELIVERY)))
    assert first["event_id"] == again["event_id"]


def test_lines_and_raws_stand_beside_their_rows():
    bad = event(event_name="page_veiw")
    batch = normalize(event(), bad, event(event_id="e-3"))
    assert batch.lines == [1, 3]
    assert [json.loads(raw)["event_id"] for raw in batch.raws] == ["e-1", "e-3"]
    assert (batch.set_aside[0].line, batch.set_aside[0].event_id) == (2, "e-1")
    assert is_conserved(batch)


def test_a_record_without_bytes_is_kept_as_json():
    value = event()
    batch = normalizer().normalize([Record(1, 0, b"", value, None)])
    assert json.loads(batch.raws[0]) == value
    aside = normalizer().normalize([Record(1, 0, b"", event(sequence=[]), None)])
    assert json.loads(aside.set_aside[0].raw)["sequence"] == []


def test_consent_to_nothing_is_counted_and_not_stored_however_broken_the_rest():
    batch = normalize(
        event(consent=[]),
        event(consent=[], occurred_at="?"),
        event(consent=[], occurred_at="\0"),
    )
    assert (batch.not_consented_count, len(batch.rows), batch.set_aside) == (3, 0, [])
    assert is_conserved(batch)


def test_purposes_are_those_of_the_event_or_the_basis_of_the_source():
    assert one_row(consent=["marketing", "analytics"])["purposes"] == [
        "analytics",
        "marketing",
    ]
    strict = made_source(consent={"basis": "consent"})
    assert normalize(event(), source=strict).not_consented_count == 1
    assert one_row(source=strict, consent=["analytics"])["purposes"] == ["analytics"]


def test_an_erased_person_is_counted_and_not_stored_however_broken_the_rest():
    def suppressed(user, device):
        return user == "u-erased" or device == "d-erased"

    batch = normalize(
        event(user_id="u-erased"),
        event(device_id="d-erased", occurred_at="?"),
        event(user_id="u-2"),
        is_suppressed=suppressed,
    )
    assert (batch.suppressed_count, len(batch.rows), batch.set_aside) == (2, 1, [])
    assert is_conserved(batch)


def test_unknown_properties_and_fields_are_kept_and_flagged():
    row = one_row(properties={"load_ms": 3, "zodiac": "leo"}, mood="good")
    assert row["has_violation"]
    assert row["properties"] == {"load_ms": 3, "zodiac": "leo", "mood": "good"}


def test_an_identifier_given_as_a_number_is_its_digits():
    row = one_row(user_id=42, properties={"occasion_id": 7})
    assert (row["user_id"], row["occasion_id"]) == ("42", "7")
    assert row["has_violation"]


def test_an_empty_string_is_no_identifier():
    row = one_row(user_id="", referrer="")
    assert (row["user_id"], row["referrer"], row["has_violation"]) == (
        None,
        None,
        False,
    )


def test_an_event_without_subject_is_set_aside_unless_its_contract_needs_none():
    assert reason_of(normalize(event(device_id=...))) == ("missing_subject", "")
    measured = {"endpoint": "/api", "response_time_ms": 5, "status_code": 200}
    said = event(event_name="endpoint_performance", device_id=..., properties=measured)
    row = row_of(normalize(said))
    assert (row["duration_ms"], row["status_code"]) == (5, 200)


@pytest.mark.parametrize(
    ("policy", "name", "kept_as"),
    [
        ("quarantine", "add_to_cart", None),
        ("quarantine", "custom.add_to_cart", None),
        ("namespaced", "add_to_cart", None),
        ("namespaced", "custom.add_to_cart", "custom.add_to_cart"),
        ("custom", "add_to_cart", "custom.add_to_cart"),
        ("custom", "Add To Cart", "custom.add_to_cart"),
        ("custom", "NextSong", "custom.next_song"),
        ("custom", "custom.Big Sale!", "custom.big_sale"),
        ("custom", "page_view", "page_view"),
        ("custom", "???", None),
        ("namespaced", "custom", None),
    ],
)
def test_unknown_events_follow_the_policy_of_their_source(policy, name, kept_as):
    batch = normalize(event(event_name=name), source=made_source(unknown_events=policy))
    if kept_as:
        assert row_of(batch)["event_name"] == kept_as
    else:
        assert reason_of(batch) == ("unknown_event", "/event_name")


def test_money_is_whole_minor_units_of_its_currency():
    def money(**said):
        said = {"conversion_type": "purchase", **said}
        row = one_row(event_name="conversion", properties=said)
        return row["value_minor"], row["currency"], row["has_violation"]

    assert money(value=99.99, currency="USD") == (9999, "USD", False)
    assert money(value=150000, currency="JPY") == (150000, "JPY", False)
    assert money(value=1.234, currency="KWD") == (1234, "KWD", False)
    assert money(value=10) == (1000, "EUR", False)
    assert money(value="99.90") == (9990, "EUR", True)
    assert money(value=0.125, currency="EUR") == (12, "EUR", True)
    assert money() == (None, None, False)


def test_a_custom_property_called_value_is_no_money():
    row = one_row(event_name="custom.offer", properties={"value": 12.5})
    assert (row["value_minor"], row["properties"]) == (None, {"value": 12.5})


def test_a_corrected_clock_moves_the_event_to_its_true_day():
    row = one_row(
        occurred_at="2026-03-10T00:30:00Z",
        sent_at="2026-03-10T00:40:00Z",
        received_at="2026-03-09T23:40:00Z",
    )
    assert row["occurred_on"] == dt.date(2026, 3, 9)
    assert row["occurred_at"] == dt.datetime(2026, 3, 9, 23, 30, tzinfo=dt.UTC)


def test_the_day_is_of_the_reporting_timezone():
    batch = normalize(event(occurred_at="2026-03-09T23:30:00Z"), timezone="Asia/Tokyo")
    assert row_of(batch)["occurred_on"] == dt.date(2026, 3, 10)


def test_a_naive_time_is_a_reading_in_the_zone_of_the_source():
    berlin = made_source(timezone="Europe/Berlin")
    row = one_row(source=berlin, occurred_at="2026-03-09T11:00:00")
    assert row["occurred_at"] == dt.datetime(2026, 3, 9, 10, tzinfo=dt.UTC)


def test_too_late_is_loaded_or_held_as_the_source_says():
    late = event(occurred_at="2026-03-01T10:00:00Z", received_at="2026-03-09T10:00:00Z")
    assert row_of(normalize(late))["lateness"] == "too_late"
    batch = normalize(late, source=made_source(too_late="hold"))
    aside = batch.set_aside[0]
    assert (aside.outcome, aside.reason, aside.event_id) == ("held", "too_late", "e-1")
    assert is_conserved(batch)


def test_rows_beyond_the_quota_are_set_aside_and_not_dropped():
    events = [event(event_id=f"e-{number}") for number in range(5)]
    batch = normalize(*events, row_allowance=3)
    assert len(batch.rows) == 3
    assert [aside.reason for aside in batch.set_aside] == ["over_quota"] * 2
    assert is_conserved(batch)


def test_our_own_people_are_flagged_by_address_agent_and_user():
    source = made_source(
        internal={
            "addresses": ["203.0.113.0/24"],
            "agents": ["Acme-Monitor"],
            "users": ["u-staff"],
        }
    )
    assert one_row(source=source, ip="203.0.113.9")["is_internal"]
    assert one_row(source=source, user_agent="acme-monitor/1")["is_internal"]
    assert one_row(source=source, user_id="u-staff")["is_internal"]
    assert not one_row(source=source, ip="198.51.100.9")["is_internal"]


def test_a_robot_is_flagged_and_kept():
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    row = one_row(user_agent=agent)
    assert (row["is_bot"], row["device_class"]) == (True, "robot")


def test_an_event_without_time_takes_that_of_its_arrival_where_declared():
    timeless = event(occurred_at=...)
    assert reason_of(normalize(timeless)) == ("missing_required", "/occurred_at")
    arrival = dt.datetime(2026, 3, 8, 9, tzinfo=dt.UTC)
    source = made_source(missing_time="arrival")
    row = row_of(normalize(timeless, source=source, arrived_at=arrival))
    assert row["occurred_at"] == arrival
    later = row_of(normalize(timeless, source=source))
    assert later["occurred_at"] == NOW
    assert later["payload_hash"] == row["payload_hash"]


def test_the_source_of_these_tests_is_the_shipped_one_in_all_that_matters():
    web = shipped_source("web")
    assert (web.unknown_events, web.default_currency) == (
        WEB.unknown_events,
        WEB.default_currency,
    )
