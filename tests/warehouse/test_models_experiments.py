"""Experiments count units in their first arm, by what they did after it."""

from tests.warehouse.definitions import define
from tests.warehouse.histories import Event, at, build, load


def exposure(event_id, moment, variant, **rest):
    return Event(
        event_id,
        moment,
        "experiment_exposure",
        is_interactive=False,
        properties={"experiment_id": "button", "variant": variant},
        **rest,
    )


def test_units_count_in_their_first_arm_and_those_of_two_arms_in_none(
    database, connection
):
    body = {
        "title": "Button",
        "state": "RUNNING",
        "unit": "person",
        "starts_at": "2026-03-01T00:00:00Z",
        "arms": [{"variant": "control", "weight": 1}, {"variant": "big", "weight": 1}],
        "metrics": [{"name": "buys", "role": "primary", "within_hours": 24}],
    }
    define(connection, "experiment", "button", body, ["\"event_name\" = 'conversion'"])
    load(
        connection,
        [
            exposure("x1", at(hours=1), "control", device_id="a"),
            exposure("x2", at(hours=9), "control", device_id="a"),
            Event("c1", at(hours=2), "conversion", device_id="a"),
            Event("c2", at(hours=3), "conversion", device_id="a"),
            exposure("x3", at(hours=1), "big", device_id="b"),
            Event("c3", at(hours=1), "conversion", device_id="b"),
            exposure("x4", at(hours=1), "big", device_id="c"),
            Event("c4", at(hours=26), "conversion", device_id="c"),
            exposure("x5", at(hours=1), "big", device_id="d"),
            exposure("x6", at(hours=2), "control", device_id="d"),
            exposure("x7", at(hours=-1), "big", device_id="early"),
            exposure("x8", at(hours=1), "unknown", device_id="stray"),
        ],
    )
    build(connection, url=database, select=["+experiment_counts"])
    rows = connection.execute(
        "select variant, is_control, unit_count, conversion_count, "
        "multi_arm_unit_count from marts.experiment_counts order by variant"
    ).fetchall()
    # c3 is not strictly after its exposure, c4 is outside the window.
    assert rows == [("big", False, 2, 0, 1), ("control", True, 1, 1, 0)]
