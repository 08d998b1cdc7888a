"""What was set aside comes in after a fix, as if it had never been wrong."""

import pytest

from orchestration.raw.loading import read_circumstances
from orchestration.raw.replay import ReplayReport, discard, replay
from orchestration.raw.sources import load_source
from orchestration.warehouse.digest import digest_table
from tests.warehouse.landing_world import NOW, World, event, ndjson

STRANGE = "unknown_events: quarantine\n"
WELCOME = "unknown_events: namespaced\n"


@pytest.fixture
def world(database, tmp_path):
    world = World(database, tmp_path)
    world.source("web", STRANGE)
    return world


def made(number, **fields):
    return event(f"id {number}", event_name="custom.quiz", **fields)


CONTENT = ndjson(
    event("a"),
    made(1),
    event(None, event_name="custom.quiz"),
    event(None, event_name="custom.quiz"),
    made(2, properties={"answer": 1}),
    made(2, properties={"answer": 2}, received_at="2026-01-05T13:00:00Z"),
    made(2, properties={"answer": 1}, received_at="2026-01-05T14:00:00Z"),
)


def replay_of(world, name="web", **options) -> ReplayReport:
    folder = world.settings.registry_dir / "sources"
    return replay(
        world.url,
        load_source(folder / f"{name}.yml"),
        circumstances=read_circumstances(world.settings, now=NOW),
        **options,
    )


def rows(connection):
    digest = digest_table(connection, "raw.events", ignoring={"load_id"})
    keys = digest_table(connection, "raw.event_keys")
    connection.rollback()
    return digest, keys


def test_a_replay_before_the_fix_changes_nothing(world, connection):
    world.put("web/1.ndjson", CONTENT)
    world.load()
    report = replay_of(world)

    assert (report.released_count, report.open_count) == (0, 6)
    assert connection.execute(
        "select count(*) from ops.loads where kind <> 'file'"
    ).fetchone() == (0,)


def test_a_replay_after_the_fix_gives_the_rows_of_a_right_contract(world, connection):
    world.put("web/1.ndjson", CONTENT)
    world.source("web", WELCOME)
    world.load()
    expected = rows(connection)
    assert expected[0].row_count == 5

    connection.execute(
        "truncate raw.events, raw.event_keys, raw.set_aside, ops.loads cascade"
    )
    connection.commit()
    world.source("web", STRANGE)
    world.load()
    world.source("web", WELCOME)
    report = replay_of(world)

    assert (report.accepted_count, report.released_count, report.open_count) == (
        4,
        6,
        0,
    )
    assert rows(connection) == expected
    assert connection.execute(
        "select kind, accepted_count, released_count, duplicate_count, conflict_count"
        " from ops.loads order by load_id"
    ).fetchall() == [("file", 1, 0, 0, 0), ("replay", 0, 4, 1, 1)]
    assert connection.execute(
        "select distinct difference from ops.conservation()"
        " union select difference from ops.conservation_by_day()"
    ).fetchall() == [(0,)]
    assert connection.execute(
        "select outcome, status, count(*) from raw.set_aside group by 1, 2 order by 1"
    ).fetchall() == [("conflict", "open", 1), ("quarantined", "released", 6)]


def test_a_second_replay_finds_nothing(world, connection):
    world.put("web/1.ndjson", CONTENT)
    world.load()
    world.source("web", WELCOME)
    replay_of(world)
    before = rows(connection)

    assert replay_of(world) == ReplayReport()
    assert rows(connection) == before


def test_only_the_reason_that_was_asked_for_is_replayed(world):
    world.put("web/1.ndjson", CONTENT)
    world.load()
    world.source("web", WELCOME)

    assert replay_of(world, reason="invalid_json") == ReplayReport()
    assert replay_of(world, reason="unknown_event").released_count == 6


def test_what_is_still_wrong_says_the_new_reason(world, connection):
    broken = event("x", event_name="custom.quiz", occurred_at="not a time")
    world.put("web/1.ndjson", ndjson(broken, made(1)))
    world.load()
    world.source("web", WELCOME)
    report = replay_of(world)

    assert (report.released_count, report.open_count) == (1, 1)
    assert connection.execute(
        "select reason, pointer from raw.set_aside where status = 'open'"
    ).fetchall() == [("invalid_time", "/occurred_at")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "quiz.csv",
            b"event_id,event_name,occurred_at,device_id\n"
            b"1,custom.quiz,2026-01-05T12:00:00Z,d1\n",
        ),
        (
            "quiz.json",
            b'{"events": [{"event_id": "1", "event_name": "custom.quiz",'
            b'"occurred_at": "2026-01-05T12:00:00Z", "device_id": "d1"}]}',
        ),
    ],
)
def test_records_of_every_format_can_be_replayed(world, name, content):
    world.put(f"web/{name}", content)
    assert world.load().counts.quarantined_count == 1
    world.source("web", WELCOME)

    assert replay_of(world).accepted_count == 1


def test_late_records_are_held_until_a_person_releases_them(world, connection):
    world.source("web", "too_late: hold\n")
    late = event("late", occurred_at="2025-12-20T12:00:00Z")
    world.put("web/1.ndjson", ndjson(event("a"), late))
    report = world.load()
    assert (report.counts.accepted_count, report.counts.quarantined_count) == (1, 1)

    assert replay_of(world).released_count == 0
    assert replay_of(world, outcome="held").accepted_count == 1
    assert connection.execute(
        "select event_id, lateness from raw.events order by 1"
    ).fetchall() == [("a", "on_time"), ("late", "too_late")]
    assert connection.execute(
        "select kind, released_count from ops.loads order by load_id"
    ).fetchall() == [("file", 0), ("release", 1)]


def test_discarded_records_are_never_replayed(world):
    world.put("web/1.ndjson", CONTENT)
    world.load()
    assert discard(world.url, "web", outcome="quarantined") == 6
    world.source("web", WELCOME)

    assert replay_of(world) == ReplayReport()
