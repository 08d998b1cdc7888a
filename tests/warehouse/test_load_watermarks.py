"""How far a source is complete follows from what was loaded, and only forwards."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.warehouse.landing_world import NOW, World, event, ndjson


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def through(report):
    return report.sources[0].complete_through


def test_arrival_is_complete_up_to_the_scan_less_the_settle_time(world):
    world.source("web", "completeness: {arrival: {settle_minutes: 30}}\n")
    world.put("web/1.ndjson", ndjson(event("a", occurred_at="2026-01-11T00:00:00Z")))
    assert through(world.load()) == NOW - timedelta(minutes=30)
    later = NOW + timedelta(hours=1)
    assert through(world.load(now=later)) == later - timedelta(minutes=30)


def test_a_file_that_is_not_finished_holds_arrival(world):
    first = through(world.load())
    path = world.put("web/1.ndjson", ndjson(event("a")))
    soon = datetime.now(UTC) + timedelta(seconds=1)
    path.write_bytes(ndjson(event("a"), event("b")))

    assert through(world.load(now=soon)) == first
    later = soon + timedelta(minutes=5)
    assert through(world.load(now=later)) == later - timedelta(minutes=10)


def test_a_refused_file_raises_an_alert_and_does_not_hold_arrival(world):
    world.put("web/1.png", b"\x89PNG\r\n")
    assert through(world.load()) == NOW - timedelta(minutes=10)


def test_a_watermark_never_moves_backwards(world):
    first = through(world.load())
    assert through(world.load(now=NOW - timedelta(days=3))) == first


def test_a_calendar_is_complete_up_to_the_first_missing_file(world):
    world.source(
        "web", 'completeness: {calendar: {pattern: "%Y-%m-%d.ndjson", cadence: day}}\n'
    )
    for day in (4, 5, 7):
        world.put(f"web/2026-01-{day:02}.ndjson", ndjson(event(f"{day}")))
    report = world.load()

    assert through(report) == datetime(2026, 1, 6, tzinfo=UTC)
    missing = [period.start.day for period in report.sources[0].missing]
    assert missing == [6, 8, 9]
    assert "web: nothing for 2026-01-06 00:00 UTC" in list(report.lines())


def test_the_name_of_a_copy_counts_for_the_calendar(world):
    world.source(
        "web", 'completeness: {calendar: {pattern: "%Y-%m-%d.ndjson", cadence: day}}\n'
    )
    for day in (4, 5):
        world.put(f"web/2026-01-{day:02}.ndjson", b"")
    assert through(world.load()) == datetime(2026, 1, 6, tzinfo=UTC)


def test_a_refused_file_is_missing_from_the_calendar(world):
    world.source(
        "web", 'completeness: {calendar: {pattern: "%Y-%m-%d.ndjson", cadence: day}}\n'
    )
    world.put("web/2026-01-04.ndjson", ndjson(event("4")))
    world.put("web/2026-01-05.ndjson", b"\x89PNG\r\n")
    assert through(world.load()) == datetime(2026, 1, 5, tzinfo=UTC)


def test_a_marker_completes_its_folder_once_all_of_it_is_loaded(world):
    world.source("web", "completeness: {marker: {name: _complete}}\n")
    world.put("web/2026-01-04/1.ndjson", ndjson(event("4")))
    world.put("web/2026-01-05/1.ndjson", ndjson(event("5")))
    assert through(world.load()) is None

    world.put("web/2026-01-04/_complete", b"")
    assert through(world.load()) == datetime(2026, 1, 5, tzinfo=UTC)

    soon = datetime.now(UTC) + timedelta(seconds=1)
    path = world.put("web/2026-01-05/2.ndjson", b"")
    path.write_bytes(ndjson(event("55")))
    world.put("web/2026-01-05/_complete", b"")
    assert through(world.load(now=soon)) == datetime(2026, 1, 5, tzinfo=UTC)
    later = soon + timedelta(minutes=5)
    assert through(world.load(now=later)) == datetime(2026, 1, 6, tzinfo=UTC)
