"""A month of a music app, as the daily JSON files that it wrote."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.warehouse.landing_world import World

CASE = (
    Path(
        os.environ.get("DAYBOOK_CASES", Path(__file__).parents[3] / "shared" / "cases")
    )
    / "events"
    / "music_app_json"
)
pytestmark = pytest.mark.skipif(not CASE.exists(), reason=f"no cases at {CASE.name}")

# An empty userId is nobody; the app's session id is the only name of a device.
SOURCE = """\
format: ndjson
time_unit: epoch_ms
unknown_events: custom
completeness:
  calendar: {pattern: "%Y-%m-%d-events.json", cadence: day}
mapping:
  - when: {has: [page, ts]}
    fields:
      event_name: page
      occurred_at: ts
      user_id: userId
      device_id: sessionId
      client_session_id: sessionId
      user_agent: userAgent
    drop: [firstName, lastName, gender, location, registration]
"""


@pytest.fixture
def expected():
    return json.loads((CASE / "case.json").read_text())["expected"]


@pytest.fixture
def world(database, tmp_path):
    world = World(database, tmp_path)
    world.source("music", SOURCE)
    for path in (CASE / "logs").glob("*.json"):
        target = world.landing / "music" / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
        os.utime(target, (1_767_000_000, 1_767_000_000))
    return world


def test_thirty_daily_files_give_the_published_figures(world, connection, expected):
    report = world.load()

    assert report.states["loaded"] == 30
    assert report.counts.record_count == report.counts.accepted_count == 8_056
    names = connection.execute(
        "select event_name, count(*) from raw.events group by event_name"
    )
    assert dict(names.fetchall()) == {
        f"custom.{page.lower().replace(' ', '_').replace('nextsong', 'next_song')}": n
        for page, n in expected["pages"].items()
    }
    assert connection.execute(
        "select count(distinct user_id), count(*) filter (where user_id is null),"
        # The case counts the sessions of users who are known.
        " count(distinct device_id) filter (where user_id is not null)"
        " from raw.events"
    ).fetchone() == (
        expected["users"],
        expected["anonymous"],
        expected["given_sessions"],
    )
    assert {
        day.isoformat(): count
        for day, count in connection.execute(
            "select occurred_on, count(distinct user_id) from raw.events group by 1"
        )
    } == expected["dau"]
    assert connection.execute(
        "select count(*) from ops.loads where record_count <> accepted_count"
    ).fetchone() == (0,)


def test_a_missing_day_holds_the_calendar_until_it_arrives(world):
    late = world.landing / "music" / "2018-11-12-events.json"
    content = late.read_bytes()
    late.unlink()
    source = {source.source: source for source in world.load().sources}["music"]
    assert source.complete_through == datetime(2018, 11, 12, tzinfo=UTC)
    assert source.missing[0].start == datetime(2018, 11, 12, tzinfo=UTC)

    world.put("music/2018-11-12-events.json", content)
    source = {source.source: source for source in world.load().sources}["music"]
    assert source.complete_through == datetime(2018, 12, 1, tzinfo=UTC)
