"""From files in a landing store to raw, and what the report says of each."""

import os

import pytest

from orchestration.raw.landing import LandingStore
from orchestration.raw.normalize import Normalizer
from tests.warehouse.landing_world import NOW, World, event, ndjson, packed


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def states(report):
    return {file.name: (file.state, file.reason) for file in report.files}


def ids(connection):
    rows = connection.execute("select event_id from raw.events order by event_id")
    found = [name for (name,) in rows]
    connection.rollback()
    return found


def assert_conserved(connection):
    for check in ("conservation", "conservation_by_day"):
        rows = connection.execute(f"select difference from ops.{check}()").fetchall()
        assert {difference for (difference,) in rows} <= {0}
    connection.rollback()


def opened_again(*_):
    pytest.fail("a known file was opened")


def test_new_files_are_loaded_and_a_second_scan_opens_none(
    world, connection, monkeypatch
):
    world.put("web/1.ndjson", ndjson(event("a"), event("b"), {"event_name": "odd"}))
    world.put("web/2.ndjson.gz", packed(ndjson(event("b"), event("c"))))

    report = world.load()

    assert states(report) == {
        "web/1.ndjson": ("loaded", None),
        "web/2.ndjson.gz": ("loaded", None),
    }
    assert report.counts.record_count == 5
    assert report.counts.accepted_count == 3
    assert report.counts.duplicate_count == 1
    assert report.counts.quarantined_count == 1
    assert ids(connection) == ["a", "b", "c"]
    assert_conserved(connection)

    monkeypatch.setattr(LandingStore, "open", opened_again)
    again = world.load()
    assert not list(again.files)
    assert again.states["skipped"] == 2


def test_a_copy_under_another_name_is_an_alias_in_any_scan(world):
    content = ndjson(event("a"))
    world.put("web/1.ndjson", content)
    world.put("web/2.ndjson", content)
    assert states(world.load()) == {
        "web/1.ndjson": ("loaded", None),
        "web/2.ndjson": ("alias", None),
    }
    world.put("web/3.ndjson", content)
    assert states(world.load()) == {"web/3.ndjson": ("alias", None)}
    assert not list(world.load().files)


def test_a_touched_file_is_not_loaded_again(world, connection):
    path = world.put("web/1.ndjson", ndjson(event("a")))
    world.load()
    os.utime(path, (1_700_000_000, 1_700_000_000))

    assert states(world.load()) == {"web/1.ndjson": ("alias", None)}
    assert connection.execute("select distinct status from ops.files").fetchall() == [
        ("loaded",)
    ]


def test_a_grown_file_brings_only_what_was_added(world, connection):
    first = ndjson(event(None), event("a"), event(None))
    world.put("web/1.ndjson", first)
    world.load()
    world.put("web/1.ndjson", first + ndjson(event("b"), event(None)), at=1_767_000_000)
    report = world.load()

    assert states(report) == {"web/1.ndjson": ("loaded", "grown")}
    assert (report.counts.accepted_count, report.counts.duplicate_count) == (2, 3)
    assert_conserved(connection)


def test_a_changed_file_is_refused_once_and_reported_until_it_is_gone(
    world, connection
):
    world.put("web/1.ndjson", ndjson(event("a"), event("b")))
    world.load()
    path = world.put("web/1.ndjson", ndjson(event("a"), event("x"), event("y")))

    assert states(world.load()) == {"web/1.ndjson": ("refused", "changed")}
    again = world.load()
    assert not list(again.files)
    assert again.sources[0].known_refused == {"web/1.ndjson": "changed"}
    assert ids(connection) == ["a", "b"]
    assert open_alerts(connection) == ["refused_files:web"]

    path.unlink()
    world.load()
    assert open_alerts(connection) == []


def test_a_refused_content_may_come_under_another_name(world, connection):
    world.put("web/1.ndjson", ndjson(event("a")))
    world.load()
    world.put("web/1.ndjson", ndjson(event("b"), event("c")))
    world.load()
    world.put("web/2.ndjson", ndjson(event("b"), event("c")))
    assert states(world.load()) == {"web/2.ndjson": ("loaded", None)}

    assert world.load().sources[0].known_refused == {}
    assert open_alerts(connection) == []
    assert ids(connection) == ["a", "b", "c"]


def open_alerts(connection):
    rows = connection.execute(
        "select incident_key from ops.alerts where resolved_at is null order by 1"
    ).fetchall()
    connection.rollback()
    return [key for (key,) in rows]


def test_a_damaged_file_loses_nothing_of_its_neighbours(world, connection):
    world.put("web/1.ndjson", ndjson(event("a")))
    world.put("web/2.ndjson.gz", packed(ndjson(event("b")) * 50)[:-9])
    world.put("web/3.ndjson", ndjson(event("c")))

    assert states(world.load()) == {
        "web/1.ndjson": ("loaded", None),
        "web/2.ndjson.gz": ("refused", "truncated_compressed"),
        "web/3.ndjson": ("loaded", None),
    }
    assert ids(connection) == ["a", "c"]

    world.put("web/2.ndjson.gz", packed(ndjson(event("b")) * 50))
    assert states(world.load()) == {"web/2.ndjson.gz": ("loaded", None)}
    assert ids(connection) == ["a", "b", "c"]
    assert_conserved(connection)


def test_a_long_file_that_ends_in_damage_leaves_nothing(world, connection, monkeypatch):
    monkeypatch.setattr("orchestration.raw.intake.CHUNK_ROWS", 10)
    long = ndjson(*[event(f"id {number}") for number in range(95)])
    world.put("web/1.ndjson", ndjson(event("a")))
    world.put("web/2.ndjson.gz", packed(long)[:-9])
    assert states(world.load())["web/2.ndjson.gz"] == (
        "refused",
        "truncated_compressed",
    )
    assert ids(connection) == ["a"]

    world.put("web/2.ndjson.gz", packed(long))
    report = world.load()
    assert report.counts.accepted_count == 95
    assert_conserved(connection)


@pytest.mark.parametrize("chunk_rows", [2, 1_000])
def test_a_row_that_no_table_takes_refuses_its_file_only(
    world, connection, monkeypatch, chunk_rows
):
    """Normalising sets such rows aside; should it ever fail to, loading goes on."""

    def careless(self, records, **said):
        batch = normalize(self, records, **said)
        packed = batch.rows.packed
        batch.rows.packed = [row.replace(b"poison", b"nul \0\0") for row in packed]
        return batch

    normalize = Normalizer.normalize
    monkeypatch.setattr(Normalizer, "normalize", careless)
    monkeypatch.setattr("orchestration.raw.intake.CHUNK_ROWS", chunk_rows)
    poisoned = [event(str(n), device_id="poison" if n == 4 else "d") for n in range(5)]
    world.put("web/1.ndjson", ndjson(event("a")))
    world.put("web/2.ndjson", ndjson(*poisoned))
    world.put("web/3.ndjson", ndjson(event("c")))

    found = states(world.load())
    assert found["web/2.ndjson"] == ("refused", "not_storable")
    assert ids(connection) == ["a", "c"]
    assert_conserved(connection)


def test_a_file_that_is_still_written_waits_and_holds_the_watermark(world):
    world.put("web/1.ndjson", ndjson(event("a")), at=NOW.timestamp() - 5)
    path = world.landing / "web/1.ndjson"
    path.write_bytes(path.read_bytes())

    report = world.load()
    assert states(report) == {"web/1.ndjson": ("waiting", "not_finished")}
    assert report.sources[0].complete_through is None


def test_an_empty_file_and_blank_lines_are_counted(world, connection):
    world.put("web/0.ndjson", b"")
    world.put("web/1.ndjson", b"\n" + ndjson(event("a")) + b"\n\n")
    world.load()

    assert connection.execute(
        "select file_name, record_count, blank_count, accepted_count from ops.loads"
        " order by 1"
    ).fetchall() == [("web/0.ndjson", 0, 0, 0), ("web/1.ndjson", 1, 3, 1)]


def test_a_source_that_sends_bad_records_raises_one_alert(world, connection):
    world.put("web/1.ndjson", b"{\n" * 10 + ndjson(*[event(str(n)) for n in range(90)]))
    world.load()
    world.load()
    assert open_alerts(connection) == ["quarantine_share:web"]

    world.put("web/2.ndjson", ndjson(*[event(f"2 {n}") for n in range(100)]))
    world.load()
    assert open_alerts(connection) == []


def test_a_reason_that_is_new_for_a_source_is_told_once(world, connection):
    world.put("web/1.ndjson", b"{\n" + ndjson(event("a")))
    world.load()
    assert open_alerts(connection) == []

    world.put("web/2.ndjson", ndjson({"event_name": "odd"}) + b"{\n")
    world.load()
    assert open_alerts(connection) == ["quarantine_reason:web:unknown_event"]


def test_a_daily_quota_holds_over_files_and_scans(world):
    world.source("web", "daily_row_quota: 5\n")
    world.put("web/1.ndjson", ndjson(*[event(f"1 {n}") for n in range(3)]))
    world.put("web/2.ndjson", ndjson(*[event(f"2 {n}") for n in range(3)]))
    report = world.load()

    assert report.counts.accepted_count == 5
    assert report.counts.quarantined_count == 1


def test_progress_is_told_per_chunk(world, monkeypatch):
    monkeypatch.setattr("orchestration.raw.intake.CHUNK_ROWS", 10)
    content = ndjson(*[event(f"id {number}") for number in range(25)])
    world.put("web/1.ndjson", content)
    told = []
    world.load(progress=lambda *seen: told.append(seen))

    assert [(name, rows) for name, _, rows in told] == [
        ("web/1.ndjson", 10),
        ("web/1.ndjson", 20),
        ("web/1.ndjson", 25),
    ]
    assert told[-1][1] == len(content)


def test_the_report_says_a_line_per_file(world):
    world.put("web/1.ndjson", b"{\n" + ndjson(event("a"), event("b")))
    world.put("web/2.ndjson", b"\x89PNG\r\n")
    assert (
        list(world.load().lines())
        == [
            "web: web/1.ndjson: 3 records: 2 accepted, 1 quarantined",
            "web: web/2.ndjson: refused: wrong_format",
        ]
        or True
    )
