"""Two real logs through the whole path, to the figures that readers see."""

import json
import os
import shutil
from datetime import UTC, datetime

from tests.conformance.landed import case
from tests.conformance.test_load_music_app import SOURCE as MUSIC
from tests.end_to_end.house import ROOT, House

NOW = datetime(2026, 1, 10, 8, tzinfo=UTC)

ACCESS_LOG = (ROOT / "registry" / "sources" / "access_log.yml").read_text()
MUSIC_APP = """\
name: music
description: A month of a music app.
owner: tests
path: music
"""


def expected(name):
    return json.loads((case(f"events/{name}") / "case.json").read_text())["expected"]


def build(database, folder, *, source, text, files):
    """Load the files of a case as one source, build and publish."""
    registry = folder / "registry"
    shutil.copytree(ROOT / "registry", registry)
    shutil.rmtree(registry / "sources")
    # The logs are older than anything we would keep.
    retention = registry / "retention.yml"
    retention.write_text(retention.read_text().replace("days: 365", "days: 10000"))
    (registry / "sources").mkdir()
    (registry / "sources" / f"{source}.yml").write_text(text)
    house = House(database, folder, registry=registry)
    for path in files:
        target = house.landing / source / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
        os.utime(target, (1_767_000_000, 1_767_000_000))
    house.night(now=NOW)
    assert house.conservation() == []
    return house


def by_day(rows):
    return {day.isoformat(): int(count) for day, count in rows}


def metric(house, name):
    return by_day(
        house.rows(
            """
            select day, value from published.metrics_daily
            where metric_id = %s and dimension = 'all' and value <> 0
            """,
            (name,),
        )
    )


def test_a_log_read_without_its_agents_gives_the_published_figures(database, tmp_path):
    # The case counts robots, too: what is not mapped cannot tell them.
    text = ACCESS_LOG.replace("      user_agent: user_agent\n", "")
    assert text != ACCESS_LOG
    files = [case("events/apache_logs") / "access.log"]
    house = build(database, tmp_path, source="access_log", text=text, files=files)
    figures = expected("apache_logs")

    assert metric(house, "events") == figures["requests_per_day"]
    assert house.one("select count(*) from published.sessions") == (
        figures["sessions_30m"],
    )
    assert sum(metric(house, "sessions").values()) == figures["sessions_30m"]
    assert metric(house, "active_users") == figures["visitors_per_day"]
    assert house.one(
        "select sum(interactive_event_count) from published.person_days"
    ) == (9_999,)


def test_the_log_as_we_read_it_sets_robots_apart_and_loses_none(database, tmp_path):
    files = [case("events/apache_logs") / "access.log"]
    house = build(database, tmp_path, source="access_log", text=ACCESS_LOG, files=files)
    figures = expected("apache_logs")

    counted, excluded = metric(house, "events"), metric(house, "excluded_events")
    assert sum(excluded.values()) > 500
    assert {day: counted[day] + excluded[day] for day in counted} == figures[
        "requests_per_day"
    ]
    sessions = dict(
        house.rows(
            "select is_excluded, count(*) from intermediate.int_events_sessionized "
            "group by is_excluded"
        )
    )
    assert sum(sessions.values()) == figures["sessions_30m"]
    assert sessions[True] > 100
    assert house.one("select count(*) from published.sessions") == (sessions[False],)


def test_a_month_of_the_music_app_gives_the_published_figures(database, tmp_path):
    files = sorted((case("events/music_app_json") / "logs").glob("*.json"))
    assert len(files) == 30
    text = MUSIC_APP + MUSIC
    house = build(database, tmp_path, source="music", text=text, files=files)
    figures = expected("music_app_json")

    assert house.one(
        "select count(*), sum(record_count), sum(accepted_count) from ops.loads"
    ) == (30, 8_056, 8_056)
    assert sum(metric(house, "events").values()) == 8_056
    assert metric(house, "active_identified_users") == figures["dau"]
    assert house.one(
        "select count(distinct person_id) from published.person_days "
        "where not is_anonymous"
    ) == (figures["users"],)
    pages = house.rows(
        "select event_name, sum(event_count) from intermediate.int_events_counted "
        "group by event_name"
    )
    assert {name: int(count) for name, count in pages} == {
        f"custom.{page.lower().replace(' ', '_').replace('nextsong', 'next_song')}": n
        for page, n in figures["pages"].items()
    }
    assert house.one(
        "select count(distinct device_id) from published.sessions "
        "where user_id is not null"
    ) == (figures["given_sessions"],)
