"""Only a build whose checks held is published, whoever publishes, and whenever."""

import pytest

from orchestration.health.runs import CheckOutcome, Run, note_run
from orchestration.quality.verdicts import record_verdict, unproven
from tests.warehouse.histories import at

CHECKS = ("numbers_add_up", "nobody_is_lost")


@pytest.fixture
def build(connection):
    row = connection.execute(
        "insert into ops.builds (run_id, is_full_selection) values ('test', true) "
        "returning build_id"
    ).fetchone()
    return row[0]


def test_a_build_is_unproven_until_every_check_held(connection, build):
    assert unproven(connection, build_id=build, checks=CHECKS) == (
        "numbers_add_up (not run)",
        "nobody_is_lost (not run)",
    )
    record_verdict(connection, build_id=build, check=CHECKS[0], passed=True)
    record_verdict(connection, build_id=build, check=CHECKS[1], passed=False)
    assert unproven(connection, build_id=build, checks=CHECKS) == (CHECKS[1],)
    # Somebody repaired it and looked again.
    record_verdict(connection, build_id=build, check=CHECKS[1], passed=True)
    assert unproven(connection, build_id=build, checks=CHECKS) == ()


def test_verdicts_of_another_build_prove_nothing(connection, build):
    for check in CHECKS:
        record_verdict(connection, build_id=build, check=check, passed=True)
    assert len(unproven(connection, build_id=build + 1, checks=CHECKS)) == 2
    assert len(unproven(connection, build_id=None, checks=CHECKS)) == 2


def outcome(passed, *, is_blocking=False, severity="ERROR"):
    return CheckOutcome("raw/x:holds", passed, is_blocking, severity, "3 are wrong")


def alerts(connection):
    return connection.execute(
        "select incident_key, severity, resolved_at is not null from ops.alerts "
        "order by alert_id"
    ).fetchall()


def run(name, state, hours):
    moment = at(hours=hours)
    return Run(name, "refresh", state, "a test", moment, moment, moment)


def test_a_check_that_fails_alerts_once_until_it_holds(connection):
    note_run(connection, run("a", "succeeded", 1), [outcome(False, severity="WARN")])
    note_run(connection, run("b", "succeeded", 2), [outcome(False, severity="WARN")])
    assert alerts(connection) == [("check:raw/x:holds", "warning", False)]
    note_run(connection, run("c", "succeeded", 3), [outcome(True)])
    assert alerts(connection) == [("check:raw/x:holds", "warning", True)]


def test_a_blocking_check_and_the_run_it_failed_are_one_incident(connection):
    note_run(connection, run("a", "failed", 1), [outcome(False, is_blocking=True)])
    assert alerts(connection) == [("job:refresh", "critical", False)]
    [(message,)] = connection.execute("select message from ops.alerts").fetchall()
    assert "raw/x:holds did not hold" in message
