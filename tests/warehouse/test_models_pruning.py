"""A build reads only the days it claimed, and writes nothing once superseded."""

import json
import re

import pytest

from tests.warehouse.definitions_of_funnels import define_funnels, funnel
from tests.warehouse.histories import (
    Event,
    at,
    begin_build,
    build,
    load,
    run_dbt,
    table_rows,
)

PARTITION = re.compile(r"^events_(\d{8})$")


def relations(plan):
    """Yield the name of every table that a plan scans."""
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from relations(part)


def test_models_that_read_events_scan_only_claimed_partitions(database, connection):
    define_funnels(connection, {"see": funnel("page_view", "click")})
    events = [Event(f"e{day}", at(days=day)) for day in range(12)]
    load(connection, events)
    build(connection, url=database)

    load(connection, [Event("late", at(days=6, minutes=1))])
    build_id, days = begin_build(connection)
    assert days == [at(days=6).date()]
    compiled = run_dbt(database, build_id=build_id, days=days, command="compile")
    read = {}
    for item in compiled.results:
        if item.node.resource_type == "model" and item.node.schema != "staging":
            plan = connection.execute(
                f"explain (format json) {item.node.compiled_code}"
            ).fetchone()[0]
            plan = plan if isinstance(plan, list) else json.loads(plan)
            read[item.node.name] = {
                match[1]
                for name in relations(plan[0]["Plan"])
                if (match := PARTITION.match(name))
            }
    readers = {name for name, partitions in read.items() if partitions}
    assert readers == {
        "int_events_reclassed",
        "int_events_sessionized",
        "int_events_counted",
        "int_events_matched",
        "int_funnel_rows",
        "int_users_seen",
        "int_person_events_counted",
        "activity_buckets",
        "endpoint_buckets",
        "person_events_daily",
        "form_sessions",
        "session_paths",
        "element_interactions_daily",
        "errors_met",
        "logins_daily",
        "resource_uses_daily",
    }
    assert {day for partitions in read.values() for day in partitions} == {"20260307"}


def test_a_superseded_build_writes_nothing(database, connection):
    load(connection, [Event("a", at())])
    build(connection, url=database, select=["+sessions"])
    before = table_rows(connection, "marts.sessions")
    load(connection, [Event("b", at(days=1))])
    old_build, days = begin_build(connection)
    begin_build(connection)
    with pytest.raises(AssertionError, match="superseded"):
        run_dbt(database, build_id=old_build, days=days, select=["+sessions"])
    assert table_rows(connection, "marts.sessions") == before


def test_a_build_that_died_between_models_is_made_good_by_the_next(
    database, connection
):
    load(connection, [Event("a", at(days=1, minutes=5))])
    build(connection, url=database, select=["+metrics_daily"])
    load(connection, [Event("b", at(days=1, minutes=-5))])
    dead_build, days = begin_build(connection)
    # The session has moved to the day before, and no child has heard of it.
    run_dbt(database, build_id=dead_build, days=days, select=["+sessions"])
    build(connection, url=database, select=["+metrics_daily"])
    rows = connection.execute(
        "select day, value from marts.metrics_daily where metric_id = 'sessions' "
        "order by day"
    ).fetchall()
    assert rows == [(at().date(), 1), (at(days=1).date(), 0)]
