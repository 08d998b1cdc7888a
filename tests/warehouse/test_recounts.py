"""What recounts by another route find when somebody spoils a mart."""

import pytest

from orchestration.quality.recounts import (
    MISCOUNTED,
    OUTSIDE,
    RECOUNT,
    find_wrong_days,
)
from tests.warehouse.histories import Event, at, build, load

DAYS = [at(days=day).date() for day in range(2)]
SPOILT = {
    RECOUNT: "update marts.metrics_daily set numerator = 99 where metric_id = 'events'",
    OUTSIDE: "delete from marts.sessions where device_id = 'late'",
    MISCOUNTED: "update marts.sessions set view_count = 4 where device_id = 'late'",
}


@pytest.fixture(scope="module")
def events():
    """Two views that are one, one over midnight, and two that do not count."""
    return [
        Event("a", at(hours=1), page_url="/x"),
        Event("b", at(hours=1, seconds=0.5), page_url="/x"),
        Event("c", at(hours=1, minutes=5), "click"),
        Event("d", at(days=1, minutes=-10), device_id="late"),
        Event("e", at(days=1, minutes=10), device_id="late"),
        Event("f", at(days=1, hours=5), purposes=("marketing",)),
        Event("g", at(days=1, hours=6), is_bot=True),
    ]


def test_every_recount_finds_its_own_fault_and_no_other(database, connection, events):
    load(connection, events)
    build(connection, url=database, select=["+metrics_daily"])
    for fault in (None, *SPOILT):
        if fault:
            connection.execute(SPOILT[fault])
        found = {
            query: find_wrong_days(connection, query, days=DAYS) for query in SPOILT
        }
        connection.rollback()
        assert {query for query, days in found.items() if days} == {fault} - {None}
        assert set(found.get(fault, [])) <= set(DAYS)
