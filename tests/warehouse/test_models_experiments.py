"""Experiments count units in their first arm, by what they did after it."""

import pytest

from orchestration.experiments.counts import read_counts
from orchestration.experiments.results import conclude_results
from orchestration.quality.published_views import published_views
from tests.warehouse.definitions import define
from tests.warehouse.histories import Event, at, build, load
from tests.warehouse.reference_experiments import complete_through


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
        "enrols_until": "2026-03-02T00:00:00Z",
        "arms": [
            {"variant": "control", "weight": 1},
            {"variant": "big", "weight": 1},
            {"variant": "huge", "weight": 0},
        ],
        "metrics": [{"name": "buys", "role": "primary", "within_hours": 24}],
        "decision": "sequential",
        "alpha": 0.05,
        "expected_units": 5000,
        "family": None,
        "correction": "holm",
        "minimum_units": 50,
        "minimum_conversions": 5,
        "minimum_days": 3,
    }
    body["metrics"][0] |= {"better": "higher", "margin": None}
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
            exposure("x9", at(hours=3), "huge", device_id="d"),
            exposure("x7", at(hours=-1), "big", device_id="early"),
            exposure("x10", at(hours=24), "big", device_id="late"),
            exposure("x8", at(hours=1), "unknown", device_id="stray"),
        ],
    )
    build(connection, url=database, select=["+experiment_statistics"])
    rows = connection.execute(
        "select variant, is_control, unit_count, conversion_count, "
        "multi_arm_unit_count from marts.experiment_statistics "
        "where dimension = 'all' order by variant"
    ).fetchall()
    # c3 is not strictly after its exposure, c4 is outside the window.
    assert rows == [("big", False, 2, 0, 1), ("control", True, 1, 1, 0)]
    crossings = next(v for v in published_views() if v.name == "experiment_crossings")
    pairs = connection.execute(
        crossings.query.replace("published_data.", "marts.")  # type: ignore[arg-type]
    )
    assert {row[2:] for row in pairs} == {
        ("control", "big", 1),
        ("control", "huge", 1),
        ("big", "huge", 1),
    }
    complete_through(connection, at(days=9))
    (result,) = conclude_results(read_counts(connection, timezone="UTC"))
    assert (result.control_unit_count, result.unit_count) == (1, 2)
    assert (result.outcome, result.verdict) == ("immature", "immature")
    # p of one against two where halves were declared, by scipy.stats.chisquare.
    assert result.sample_ratio_p_value == pytest.approx(0.5637, abs=5e-5)
    # The registry refuses such a change; a result does not rest on it.
    assert changed(connection) == [(False,)]
    connection.execute(
        """
        with versions as (
            insert into registry.versions (hash, definition_count) values ('later', 1)
            returning registry_version
        )
        insert into registry.definitions
        select
            kind, id, 2, versions.registry_version,
            body || '{"alpha": 0.1}', hash, valid_from, file
        from registry.definitions, versions where kind = 'experiment'
        """
    )
    assert changed(connection) == [(True,)]


def changed(connection):
    query = "select has_changed from registry.experiments"
    return connection.execute(query).fetchall()
