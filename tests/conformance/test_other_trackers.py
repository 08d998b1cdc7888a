"""What other trackers emit, loaded through a mapping that a user would declare."""

import json

import pytest

from orchestration.raw.mapping import Mapper
from orchestration.raw.sources import Alternative
from tests.conformance.landed import case, declared, load, rows

SEGMENT = declared("segment")
# Where the cases' words for a field and ours differ.
ENVELOPE = {
    "message_id": "event_id",
    "anonymous_id": "device_id",
    "user_id": "user_id",
    "page_url": "page_url",
    "user_agent": "user_agent",
    "ip": "ip",
    "locale": "locale",
    "received_at": "received_at",
    "sent_at": "sent_at",
}
# The specification shows identify, group and alias calls without a name.
NAMES = {"page": "page_view", "screen": "page_view"}


def lines_of(name: str, file: str) -> list[dict]:
    text = (case(f"payloads/{name}") / file).read_text()
    return [json.loads(line) for line in text.splitlines()]


def envelope_of(payload: dict) -> dict:
    return Mapper(list(SEGMENT.mapping), pseudonym_key=b"").apply(payload)


def test_every_message_of_the_specification_maps_to_the_fields_beside_it():
    for message in lines_of("segment_spec", "messages.jsonl"):
        payload, fields = message["payload"], message["fields"]
        if "event" not in payload and "type" not in payload:
            continue
        envelope = envelope_of(payload)
        for theirs, ours in ENVELOPE.items():
            if fields[theirs] is not None:
                assert envelope.get(ours) == fields[theirs], (message["file"], theirs)
        kept = set(envelope["properties"])
        given = set(fields["property_keys"]) - {"url", "referrer", "title"}
        assert given <= kept, message["file"]


def test_every_message_with_a_subject_is_accepted():
    messages = lines_of("segment_spec", "messages.jsonl")
    payloads = [message["payload"] for message in messages]
    content = "\n".join(map(json.dumps, payloads)).encode()
    batch = load(content, SEGMENT)
    reasons = {aside.reason for aside in batch.set_aside}
    assert reasons <= {"missing_subject", "forbidden_property"}
    assert len(batch.rows) >= 64


def test_broken_messages_are_set_aside_and_stop_nothing():
    broken = lines_of("segment_spec", "broken_messages.jsonl")
    good = json.dumps(lines_of("segment_spec", "messages.jsonl")[2]["payload"])
    texts = [message["text"].replace("\n", " ") for message in broken]
    content = "\n".join([good, *texts, good]).encode()
    batch = load(content, SEGMENT, name="messages.ndjson")
    assert len(batch.rows) == 2
    assert {aside.reason for aside in batch.set_aside} == {"invalid_json"}
    assert len(batch.set_aside) == len(broken)


def test_batches_of_a_library_become_their_events():
    seen = 0
    for line in lines_of("segment_sdk_batches", "requests.jsonl"):
        batch = load(json.dumps(line["request"]).encode(), SEGMENT)
        assert batch.set_aside == []
        for row, fields in zip(rows(batch), line["events"], strict=True):
            seen += 1
            assert row["event_id"] == fields["message_id"]
            assert row["user_id"] == fields["user_id"]
            assert row["sent_at"].isoformat() == "2009-11-10T23:00:00+00:00"
            kept = json.loads(row["properties"])
            assert set(fields["property_keys"]) <= set(kept)
    assert seen == 14


def test_an_enriched_event_maps_to_the_fields_that_it_means():
    folder = case("payloads/snowplow_enriched_tsv")
    names = json.loads((folder / "fields.json").read_text())
    cells = (folder / "event.tsv").read_text().rstrip("\n").split("\t")
    assert len(cells) == len(names) == 131
    expected = json.loads((folder / "expected.json").read_text())
    mapping = Alternative.model_validate(
        {
            "fields": {
                "event_name": "event",
                "event_id": "event_id",
                "occurred_at": "derived_tstamp",
                "received_at": "collector_tstamp",
                "device_id": "domain_userid",
                "user_id": "user_id",
                "client_session_id": "domain_sessionid",
                "sequence": "domain_sessionidx",
                "page_url": "page_url",
                "page_title": "page_title",
                "ip": "user_ipaddress",
                "platform": "platform",
            },
            "rest": "drop",
        }
    )
    value = {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
    envelope = Mapper([mapping], pseudonym_key=b"").apply(value)
    for ours, theirs in mapping.fields.items():
        if theirs in expected and ours not in ("occurred_at", "received_at"):
            assert envelope[ours] == str(expected[theirs]), ours


@pytest.mark.parametrize("name", ["segment_spec", "segment_sdk_batches"])
def test_the_cases_are_of_the_specification(name):
    lines = case(f"payloads/{name}").glob("*.jsonl")
    assert list(lines)
