"""Loads that are killed, and servers, leave nothing lost and nothing twice."""

import pytest

from tests.warehouse.kill_loader import Plan, run_trial


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
        Plan(row_count=30_000, file_rows=25_000, loader_kills=8, server_kills=2)
    )


@pytest.mark.long
def test_two_hundred_kills_of_the_loader_and_twenty_of_the_server_change_nothing():
    assert_nothing_came_of_it(Plan())
