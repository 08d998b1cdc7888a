"""Loads that are killed, and servers, leave nothing lost and nothing twice."""

import pytest

from orchestration.raw import intake, source_load
from tests.warehouse.kill_loader import Plan, run_trial


@pytest.fixture(autouse=True)
def _usual_sizes(monkeypatch):
    """Whatever a trial sets is undone after it."""
    monkeypatch.setattr(intake, "CHUNK_ROWS", intake.CHUNK_ROWS)
    monkeypatch.setattr(source_load, "GROUP_ROWS", source_load.GROUP_ROWS)


def assert_nothing_came_of_it(plan):
    outcome = run_trial(plan)
    expected = outcome["expected"]
    assert expected["broken"] == []
    assert expected["twice"] == 0
    assert expected["events"].row_count >= plan.row_count
    assert outcome["results"]
    for result in outcome["results"]:
        assert result == expected


def test_eight_kills_of_the_loader_and_two_of_the_server_change_nothing():
    assert_nothing_came_of_it(
        Plan(
            row_count=20_000,
            file_rows=8_000,
            chunk_rows=500,
            loader_kills=8,
            server_kills=2,
        )
    )


@pytest.mark.long
def test_two_hundred_kills_of_the_loader_and_twenty_of_the_server_change_nothing():
    assert_nothing_came_of_it(Plan())
