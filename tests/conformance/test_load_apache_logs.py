"""Ten thousand real requests, from the log file to raw."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.warehouse.landing_world import World

CASE = (
    Path(
        os.environ.get("DAYBOOK_CASES", Path(__file__).parents[3] / "shared" / "cases")
    )
    / "events"
    / "apache_logs"
)
pytestmark = pytest.mark.skipif(not CASE.exists(), reason=f"no cases at {CASE.name}")

SOURCE = """\
format: access_log
mapping:
  - when: {has: [remote_host, time]}
    fields:
      event_name: {value: http_request}
      occurred_at: time
      received_at: time
      device_id: {pseudonym: [remote_host, user_agent]}
      ip: remote_host
      user_agent: user_agent
      page_url: path
      referrer: referrer
    properties:
      status_code: status
      response_bytes: bytes
    rest: drop
"""

# A session is what sessions of the case are: 30 minutes of one address and agent.
SESSIONS = """
    select count(*)
    from (
        select
            occurred_at - lag(occurred_at) over (
                partition by device_id order by occurred_at
            ) as gap
        from raw.events
    ) as requests
    where gap is null or gap > interval '30 minutes'
"""


@pytest.fixture
def expected():
    return json.loads((CASE / "case.json").read_text())["expected"]


@pytest.fixture
def world(database, tmp_path):
    world = World(database, tmp_path)
    world.source("access_log", SOURCE)
    target = world.landing / "access_log" / "access.log"
    target.parent.mkdir()
    shutil.copy(CASE / "access.log", target)
    os.utime(target, (1_767_000_000, 1_767_000_000))
    return world


def test_the_log_loads_line_by_line_and_gives_the_published_figures(
    world, connection, expected
):
    report = world.load()

    assert report.counts.record_count == 10_000
    assert report.counts.quarantined_count == len(expected["unparsed"])
    assert report.counts.accepted_count == 9_999
    (line,) = connection.execute("select line_number from raw.set_aside").fetchall()
    # The case counts lines from 0.
    assert [line[0] - 1] == expected["unparsed"]
    assert {
        day.isoformat(): count
        for day, count in connection.execute(
            "select occurred_on, count(*) from raw.events group by occurred_on"
        )
    } == expected["requests_per_day"]
    assert {
        str(status): count
        for status, count in connection.execute(
            "select status_code, count(*) from raw.events group by status_code"
        )
    } == expected["status"]
    assert connection.execute(SESSIONS).fetchone() == (expected["sessions_30m"],)
    assert connection.execute(
        "select sum((properties ->> 'response_bytes')::bigint) from raw.events"
    ).fetchone() == (expected["bytes"],)
    assert connection.execute(
        "select sum(difference) from ops.conservation()"
    ).fetchone() == (0,)


def test_the_log_again_and_in_halves_adds_nothing_twice(world, connection):
    world.load()
    lines = (CASE / "access.log").read_bytes().splitlines(keepends=True)
    world.put("access_log/first half.log", b"".join(lines[:5_000]))
    world.load()

    # Lines carry no id: repeats inside a file are kept, a second delivery of the same
    # lines is a duplicate.
    assert connection.execute("select count(*) from raw.events").fetchone() == (9_999,)
