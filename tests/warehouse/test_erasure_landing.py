"""Landing files of every format lose one person's records and nothing else."""

import gzip
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from orchestration.privacy.landing_erasure import erase_landing
from orchestration.privacy.subjects import Interval, Subject
from orchestration.warehouse.connection import connect
from tests.warehouse.landing_world import World, event, ndjson, packed

USER = "user-4711-anna"
DEVICE = "device-of-anna-alone"
SHARED = "device-in-the-hall"
NOON = "2026-01-05T12:00:00Z"
EVENING = "2026-01-05T20:00:00Z"
LOG = (
    '192.0.2.{host} - - [05/Jan/2026:10:00:00 +0000] "GET /{path} HTTP/1.1" 200 12'
    ' "-" "Mozilla/5.0"\n'
)


def subject(**changes):
    return Subject(
        **{
            "erasure_id": 1,
            "user_id": USER,
            "replacement_id": "erased_1",
            "device_ids": (DEVICE,),
            "intervals": (Interval(DEVICE, None, None),),
            **changes,
        }
    )


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def mine(**fields):
    return event("mine", user_id=USER, **fields)


def theirs(**fields):
    return event("theirs", user_id="user-4711", device_id="d2", **fields)


def erase(world, whom=None):
    return erase_landing(world.url, settings=world.settings, subject=whom or subject())


def test_lines_go_and_all_other_bytes_stay(world):
    path = world.put(
        "web/a.ndjson",
        b"\xef\xbb\xbf"
        + ndjson(mine(), theirs())
        + b'{"broken": "'
        + USER.encode()
        + b'"\n\n'
        + b"not json at all\n"
        + ndjson(event("anonymous", device_id=DEVICE)),
    )
    report = erase(world)
    assert (report.file_count, report.record_count) == (1, 3)
    assert (
        path.read_bytes() == b"\xef\xbb\xbf" + ndjson(theirs()) + b"\nnot json at all\n"
    )
    assert erase(world).file_count == 0


def test_a_name_written_with_escapes_is_found(world):
    line = json.dumps(mine()).replace(USER, "\\u0075ser-4711-anna")
    path = world.put("web/a.ndjson", line.encode() + b"\n" + ndjson(theirs()))
    erase(world)
    assert path.read_bytes() == ndjson(theirs())


def test_what_others_say_of_the_person_is_said_of_nobody(world):
    url = "https://example.com/people/{}"
    path = world.put(
        "web/a.ndjson", ndjson(theirs(page_url=url.format(USER)), theirs())
    )
    assert erase(world).record_count == 0
    assert path.read_bytes() == ndjson(theirs(page_url=url.format("erased")), theirs())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[{0}, {1} ,\n{0}]", "[ {1} ]"),
        ('{{"batch": 7, "events": [{0},{1},{0}]}}', '{{"batch": 7, "events": [{1}]}}'),
        (
            '{{"user_id": "user-4711-anna", "events": [{2}]}}',
            '{{"user_id": "erased", "events": []}}',
        ),
        ("{0}", ""),
    ],
)
def test_elements_of_documents_go(world, before, after):
    world.source("mobile", "format: json\n")
    texts = [
        json.dumps(mine()),
        json.dumps(theirs()),
        json.dumps({**event("of the batch")}),
    ]
    packer = zstandard.ZstdCompressor()
    path = world.put(
        "mobile/a.json.zst", packer.compress(before.format(*texts).encode())
    )
    erase(world)
    left = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    assert left.decode() == after.format(*texts)


def test_a_batch_on_one_line_loses_elements_only(world):
    line = '{{"events": [{}, {}]}}\n'
    path = world.put(
        "web/a.ndjson",
        line.format(json.dumps(mine()), json.dumps(theirs())).encode()
        + ndjson(theirs()),
    )
    erase(world)
    assert path.read_bytes().startswith(b'{"events": [ {"event_id": "theirs"')
    assert path.read_bytes().endswith(ndjson(theirs()))


def test_rows_of_csv_and_parquet_go(world):
    world.source("sheet", "format: csv\n")
    world.source("server", "format: parquet\n")
    head = "event_id,event_name,occurred_at,user_id,page_url\n"
    one = f'a,page_view,{NOON},{USER},"two\nlines"\n'
    two = f"b,page_view,{NOON},other,https://example.com/\n"
    sheet = world.put("sheet/a.csv", (head + one + two + one).encode())
    table = pa.table(
        {
            "event_id": ["a", "b", "c"],
            "event_name": ["page_view"] * 3,
            "user_id": [USER, "other", None],
            "device_id": [None, "d2", DEVICE],
            "note": ["x", f"told {USER}", "y"],
        }
    ).replace_schema_metadata({"made by": "tests"})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=2)
    rows = world.put("server/a.parquet", buffer.getvalue())
    assert erase(world).record_count == 4
    assert sheet.read_text() == head + two
    left = pq.read_table(rows)
    assert left.to_pylist() == [
        {**table.to_pylist()[1], "note": "told erased"},
    ]
    assert left.schema.equals(table.schema, check_metadata=True)
    assert pq.ParquetFile(rows).metadata.row_group(0).column(0).compression == "ZSTD"


def test_requests_of_a_device_that_only_its_hash_names_go(world):
    world.source(
        "log",
        "format: access_log\n"
        "mapping:\n"
        "  - when: {has: [remote_host, time]}\n"
        "    fields:\n"
        "      event_name: {value: http_request}\n"
        "      occurred_at: time\n"
        "      device_id: {pseudonym: [remote_host, user_agent]}\n"
        "      page_url: path\n"
        "    properties: {status_code: status}\n",
    )
    lines = [LOG.format(host=host, path=path) for host in (1, 2) for path in "ab"]
    path = world.put("log/a.log", "".join(lines).encode())
    world.load()
    with world_connection(world) as connection:
        devices = connection.execute(
            "select distinct device_id from raw.events order by 1"
        ).fetchall()
    (device,) = devices[0]
    erase(
        world,
        subject(device_ids=(device,), intervals=(Interval(device, None, None),)),
    )
    left = path.read_text()
    assert left in ("".join(lines[:2]), "".join(lines[2:]))


def test_on_a_shared_device_only_the_persons_hours_go(world):
    until = datetime(2026, 1, 5, 15, tzinfo=UTC)
    whom = subject(device_ids=(), intervals=(Interval(SHARED, None, until),))
    early = event("early", device_id=SHARED)
    late = event("late", device_id=SHARED, occurred_at=EVENING, received_at=EVENING)
    other = event("other", device_id=SHARED, user_id="somebody")
    path = world.put("web/a.ndjson.gz", packed(ndjson(early, late, other)))
    erase(world, whom)
    assert gzip.decompress(path.read_bytes()) == ndjson(late, other)


def test_a_rewritten_file_is_known_under_its_load(world):
    path = world.put("web/a.ndjson.gz", packed(ndjson(mine(), theirs())))
    world.load()
    before = path.stat()
    erase(world)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    report = world.load()
    assert report.states["loaded"] == 0
    assert report.sources[0].skipped_count == 1
    with world_connection(world) as connection:
        assert connection.execute(
            "select count(*), count(distinct load_id), count(distinct sha256)"
            " from ops.files"
        ).fetchone() == (2, 1, 2)


def test_a_damaged_file_is_reported_and_left(world):
    content = packed(ndjson(mine(), theirs()))[:-12]
    path = world.put("web/a.ndjson.gz", content)
    assert erase(world).unreadable == ["web/a.ndjson.gz"]
    assert path.read_bytes() == content


def world_connection(world):
    return connect(world.url, application_name="tests")
