"""A report is rendered once per key: report, period, parameters, data version."""

from dataclasses import replace
from datetime import date

import pytest

from orchestration.reports.executions import Key, Rendered, execute_report
from orchestration.warehouse.connection import connect

DAY = date(2026, 3, 1)
KEY = Key("overview", DAY, DAY, 7, {"metrics": ["sessions"], "top": 3})


@pytest.fixture
def ask(database, tmp_path):
    """Ask for a report; what is rendered tells which time it was."""
    times = []

    def render():
        times.append(None)
        return {"csv": Rendered(f"time {len(times)}".encode(), 1)}

    def asked(key):
        made = execute_report(connection, key=key, folder=tmp_path, render=render)
        return made.paths["csv"].read_text(), made.is_new

    with connect(database, application_name="tests", autocommit=True) as connection:
        yield asked


def test_the_same_key_gives_the_same_file_in_whatever_order_parameters_come(ask):
    assert ask(KEY) == ("time 1", True)
    turned = dict(reversed(KEY.parameters.items()))
    assert ask(replace(KEY, parameters=turned)) == ("time 1", False)


@pytest.mark.parametrize(
    "other",
    [
        {"parameters": {"metrics": ["sessions", "revenue"], "top": 3}},
        {"parameters": {}},
        {"data_version": 8},
        {"period_from": date(2026, 2, 1)},
        {"report": "revenue"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_key_gives_another_file_and_leaves_the_first(ask, other):
    ask(KEY)
    assert ask(replace(KEY, **other)) == ("time 2", True)
    assert ask(KEY) == ("time 1", False)


def test_a_file_that_was_lost_or_altered_is_rendered_again(ask, tmp_path):
    ask(KEY)
    (tmp_path / KEY.file_name("csv")).write_text("altered")
    assert ask(KEY) == ("time 2", True)
    (tmp_path / KEY.file_name("csv")).unlink()
    assert ask(KEY) == ("time 3", True)


def test_an_execution_that_failed_says_so_and_the_next_renders(ask, database, tmp_path):
    with connect(database, application_name="tests", autocommit=True) as connection:
        with pytest.raises(ZeroDivisionError):
            execute_report(connection, key=KEY, folder=tmp_path, render=lambda: 1 // 0)
        assert connection.execute(
            "select state, reason, parameters from reports.executions"
        ).fetchall() == [("FAILED", "ZeroDivisionError", dict(KEY.parameters))]
    assert ask(KEY) == ("time 1", True)
