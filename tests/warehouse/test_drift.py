"""What no contract names is kept, and said: which property, whose, how often, since."""

from datetime import date

from orchestration.raw.contracts import Contracts
from orchestration.raw.drift import find_drift
from tests.warehouse.landing_world import REGISTRY, World, event, ndjson


def on(day, event_id, **said):
    return event(event_id, occurred_at=f"2026-01-0{day}T12:00:00Z", **said)


def test_new_properties_are_told_with_their_share_and_first_day(
    database, connection, tmp_path
):
    world = World(database, tmp_path)
    world.source("web", "unknown_events: namespaced\n")
    clicked = {"event_name": "click"}
    custom = {"event_name": "custom.feature_used"}
    world.put(
        "web/1.ndjson",
        ndjson(
            on(3, "a", **clicked, properties={"element_id": "x"}),
            on(4, "b", **clicked, properties={"element_id": "x", "colour": "red"}),
            # A null is no property.
            on(5, "c", **clicked, properties={"colour": None, "occasion_id": "o"}),
            on(5, "d", **clicked, properties={"colour": "blue", "size": {"w": 1}}),
            # Custom events may have any; told all the same, but for what all share.
            on(4, "e", **custom, properties={"feature": "f", "occasion_id": "o"}),
            # A field that the envelope does not know is kept among the properties.
            on(4, "f", theme="dark"),
        ),
    )
    report = world.load()
    assert report.counts.accepted_count == 6

    def told(since):
        found = find_drift(connection, Contracts(REGISTRY / "contracts"), since=since)
        return [
            (drift.event_name, drift.property_name, drift.event_count, drift.share)
            for drift in found
        ]

    assert told(date(2026, 1, 1)) == [
        ("click", "size", 1, 0.25),
        ("click", "colour", 2, 0.5),
        ("custom.feature_used", "feature", 1, 1),
        ("page_view", "theme", 1, 1),
    ]
    assert told(date(2026, 1, 5)) == [
        ("click", "colour", 1, 0.5),
        ("click", "size", 1, 0.5),
    ]
    assert told(date(2026, 1, 6)) == []
