"""`daybook health` sees what can go wrong unseen, from Postgres and the clock alone."""

from datetime import timedelta

import pytest

from orchestration.health.alerts import open_alert
from orchestration.health.findings import CRITICAL, OK, WARNING, read_findings
from orchestration.health.pauses import pause, resume
from orchestration.health.runs import Run, forget_runs, note_run
from tests.warehouse.histories import Event, at, load

HOUR = timedelta(hours=1)


@pytest.fixture
def look(connection, tmp_path):
    """Look at one thing, that long after the database's own clock."""

    def look(name, after=timedelta(0)):
        [(now,)] = connection.execute("select clock_timestamp()").fetchall()
        found = read_findings(
            connection, home=tmp_path, timezone="UTC", now=now + after
        )
        return [
            (finding.level, finding.detail) for finding in found if finding.name == name
        ]

    return look


def level(found):
    return max(level for level, _ in found)


def test_a_house_that_never_ran_is_not_well(look):
    assert level(look("refreshes")) == CRITICAL
    assert level(look("publication")) == WARNING
    for name in ("queue", "builds", "gaps", "quarantine", "alerts", "timetable"):
        assert level(look(name)) == OK


def test_a_refresh_that_stays_away_is_overdue(look, connection):
    connection.execute("update published.status set checked_at = clock_timestamp()")
    assert level(look("refreshes")) == OK
    assert level(look("refreshes", HOUR)) == WARNING
    assert level(look("refreshes", 3 * HOUR)) == CRITICAL


def test_days_that_nobody_builds_are_seen(look, connection):
    load(connection, [Event("e", at())])
    assert level(look("builds")) == OK
    assert level(look("builds", 2 * HOUR)) == WARNING
    assert level(look("builds", 5 * HOUR)) == CRITICAL


def test_a_publication_that_was_held_back_is_critical(look, connection):
    connection.execute("update published.status set state = 'held', reason = 'why not'")
    assert look("publication") == [(CRITICAL, "held back: why not")]


def test_data_that_does_not_move_on_is_seen(look, connection):
    connection.execute(
        """
        update published.status
        set
            state = 'current',
            published_at = clock_timestamp(),
            data_complete_through = clock_timestamp()
        """
    )
    assert level(look("publication")) == OK
    assert level(look("publication", 40 * HOUR)) == WARNING
    assert level(look("publication", 80 * HOUR)) == CRITICAL


def test_a_queue_that_does_not_move_is_seen(look, connection):
    [(now,)] = connection.execute("select clock_timestamp()").fetchall()
    note_run(connection, Run("r", "refresh", "waiting", "every_15_minutes", now))
    assert level(look("queue")) == OK
    assert level(look("queue", HOUR)) == WARNING


def test_open_alerts_are_told_with_their_severity(look, connection):
    for severity in ("info", "warning", "critical"):
        open_alert(connection, incident=severity, severity=severity, message="m")
    assert [level for level, _ in look("alerts")] == [CRITICAL, OK, WARNING]
    untold = look("alerts", HOUR)
    assert all("nobody could be told" in detail for _, detail in untold)
    assert min(level for level, _ in untold) == WARNING


def test_a_pause_is_not_forgotten(look, connection):
    assert pause(connection, reason="we move house")
    assert not pause(connection, reason="again")
    [(found, detail)] = look("timetable")
    assert found == WARNING
    assert "we move house" in detail
    assert resume(connection)
    assert not resume(connection)
    assert level(look("timetable")) == OK


def test_a_pause_says_why(connection):
    with pytest.raises(ValueError, match="reason"):
        pause(connection, reason=" ")


def test_what_is_old_is_forgotten_and_what_is_open_is_not(connection):
    old, new = at(), at(days=100)
    for name, moment in (("old", old), ("new", new)):
        note_run(connection, Run(name, "refresh", "succeeded", "a test", moment))
        open_alert(connection, incident=name, severity="info", message="m")
    connection.execute("update ops.alerts set resolved_at = opened_at")
    open_alert(connection, incident="open", severity="info", message="m")
    connection.execute(
        "update ops.alerts set opened_at = %(old)s, "
        "resolved_at = case when resolved_at is not null then %(old)s end "
        "where incident_key <> 'new'",
        {"old": old},
    )
    assert forget_runs(connection, before=at(days=50)) == 2
    runs = connection.execute("select run_id from ops.runs").fetchall()
    left = connection.execute("select incident_key from ops.alerts order by 1")
    assert (runs, left.fetchall()) == ([("new",)], [("new",), ("open",)])
