"""A day that is not there is seen, whether it never came or was taken away."""

from orchestration.health.findings import WARNING, read_findings
from orchestration.quality.conservation import find_lost_rows
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


DIFFERENCES = "select source, difference from ops.conservation() where difference <> 0"


def test_a_day_that_was_deleted_breaks_the_conservation_of_rows(connection):
    load(connection, [Event(f"e{number}", at(days=number)) for number in range(4)])
    assert connection.execute(DIFFERENCES).fetchall() == []
    assert find_lost_rows(connection) == {}
    connection.execute("delete from raw.events where occurred_on = %s", (at(days=2),))
    found = connection.execute(DIFFERENCES).fetchall()
    assert sorted(found, key=str) == [("web", -1), (None, -1)]
    assert find_lost_rows(connection) == {"2026-03-03": -1}


def test_a_built_day_is_looked_for_and_one_with_news_is_counted(connection):
    load(connection, usual_day(0) + usual_day(1))
    connection.execute("update ops.touched_days set settled_by = 1")
    load(connection, [Event("late", at(days=1))])
    assert find_lost_rows(connection) == {}
    connection.execute("delete from raw.events where event_id = 'page_view-1-3'")
    assert find_lost_rows(connection) == {"2026-03-02": -1}
    connection.execute("delete from raw.events where occurred_on = %s", (at(),))
    assert find_lost_rows(connection) == {"2026-03-01": -1, "2026-03-02": -1}


def test_of_built_days_one_row_is_read_and_not_all(connection):
    for number in range(6):
        load(connection, usual_day(number))
    connection.execute("update ops.touched_days set settled_by = 1")
    connection.commit()
    assert find_lost_rows(connection) == {}
    [(read_count,)] = connection.execute(
        "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer"
        " from pg_stat_xact_user_tables where relname like 'events\\_2%'"
    ).fetchall()
    assert read_count == 6


def test_loads_that_count_otherwise_than_their_days_are_named(connection):
    load(connection, usual_day(0))
    connection.execute("update ops.loads set removed_count = removed_count + 2")
    assert find_lost_rows(connection) == {"web": 2}


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


def test_days_that_chance_leaves_empty_are_no_gaps_and_many_in_a_row_are(
    connection, tmp_path
):
    for number in (0, 1, 3):
        load(connection, usual_day(number, count=5))
    complete_through(connection, 4)
    # Where five rows come one by one, one day of 148 has none: exp(-5).
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"
    complete_through(connection, 7)
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"
    complete_through(connection, 8)
    # exp(-15) is less than one in a million.
    assert gaps_of(connection, tmp_path).detail == "3 days lack the data of web"


def test_what_comes_in_bursts_may_be_silent_for_a_day_and_what_comes_evenly_not(
    connection, tmp_path
):
    """Thirty rows a day both: of one visitor or two on some days, or one by one."""
    bursts = [6, 54, 12, 66, 18, 48, 6, 30]
    for number, count in enumerate(bursts):
        load(connection, usual_day(number, count=100))
        load(connection, usual_day(number, count=count, name="interaction"))
        load(connection, usual_day(number, count=30, name="search_performed"))
    load(connection, usual_day(8, count=100))
    complete_through(connection, 10)
    assert gaps_of(connection, tmp_path).detail == (
        "1 days lack the data of search_performed of web"
    )


def test_a_thin_day_of_a_source_may_lack_a_rare_type_and_a_usual_day_not(
    connection, tmp_path
):
    for number in range(8):
        load(connection, usual_day(number, count=200))
        load(connection, usual_day(number, name="interaction"))
    load(connection, usual_day(8, count=20))
    complete_through(connection, 10)
    assert gaps_of(connection, tmp_path).detail == "no source lacks a day"
    load(connection, usual_day(8, count=180, name="scroll"))
    assert gaps_of(connection, tmp_path).detail == (
        "1 days lack the data of interaction of web"
    )


def test_a_type_silent_for_longer_than_it_was_heard_has_ended(connection, tmp_path):
    for number in range(17):
        load(connection, usual_day(number))
        if number < 8:
            load(connection, usual_day(number, name="interaction"))
    complete_through(connection, 17)
    assert gaps_of(connection, tmp_path).detail == (
        "8 days lack the data of interaction of web"
    )
    complete_through(connection, 18)
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
