"""A day that is not there is seen, whether it never came or was taken away."""

from orchestration.health.findings import WARNING, read_findings
from tests.warehouse.histories import Event, at, load
from tests.warehouse.made_marts import complete_through


def gaps_of(connection, home):
    findings = read_findings(connection, home=home, timezone="UTC", now=at(days=4))
    (found,) = [finding for finding in findings if finding.name == "gaps"]
    return found


def usual_day(number, *, count=20, name="page_view"):
    return [
        Event(f"{name}-{number}-{each}", at(days=number), event_name=name)
        for each in range(count)
    ]


def test_a_day_that_never_came_is_a_finding_until_it_comes(connection, tmp_path):
    for number in (0, 1, 3):
        load(connection, usual_day(number))
    complete_through(connection, 4)
    found = gaps_of(connection, tmp_path)
    assert (found.level, found.detail) == (WARNING, "1 days lack the data of web")
    load(connection, usual_day(2))
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"


# What the check rows_equal_the_ledger asks.
DIFFERENCES = "select source, difference from ops.conservation() where difference <> 0"


def test_a_day_that_was_deleted_breaks_the_conservation_of_rows(connection):
    load(connection, [Event(f"e{number}", at(days=number)) for number in range(4)])
    assert connection.execute(DIFFERENCES).fetchall() == []
    connection.execute("delete from raw.events where occurred_on = %s", (at(days=2),))
    found = connection.execute(DIFFERENCES).fetchall()
    assert sorted(found, key=str) == [("web", -1), (None, -1)]


def test_one_very_late_row_is_no_gap_of_months(connection, tmp_path):
    for number in range(100, 104):
        load(connection, usual_day(number, count=200))
    load(connection, [Event("late", at())])
    complete_through(connection, 104)
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"


def test_late_rows_of_a_day_do_not_pass_for_its_delivery(connection, tmp_path):
    for number in (0, 1, 3):
        load(connection, usual_day(number, count=200))
    load(connection, [Event("late", at(days=2))])
    complete_through(connection, 4)
    assert gaps_of(connection, tmp_path).detail == "1 days lack the data of web"


def test_quiet_days_of_an_app_database_are_no_gaps(connection, tmp_path):
    load(connection, [Event("first", at()), Event("last", at(days=3))])
    connection.execute("update ops.loads set kind = 'extract'")
    complete_through(connection, 4)
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"


def test_a_source_of_few_rows_may_have_days_without_any(connection, tmp_path):
    for number in (0, 1, 3):
        load(connection, usual_day(number, count=5))
    complete_through(connection, 4)
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"


def test_a_type_of_event_that_falls_silent_is_found(connection, tmp_path):
    for number in range(12):
        load(connection, usual_day(number))
        # Searches come every day and stop; newsletters go out once a week.
        if number < 9:
            load(connection, usual_day(number, name="search_performed"))
        if number % 7 == 0:
            load(connection, usual_day(number, name="notification_sent"))
    complete_through(connection, 12)
    assert gaps_of(connection, tmp_path).detail == (
        "2 days lack the data of search_performed of web"
    )
