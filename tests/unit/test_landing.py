"""The landing store: what counts as a file, when it is finished, what may go wrong."""

import hashlib
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.raw.landing import (
    LandingFile,
    LandingStore,
    LandingStream,
    LandingUnreachable,
)
from orchestration.raw.reading import read_records

WRITTEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["local", "memory"])
def landing(request, tmp_path):
    """A store with a function that puts a file into it."""
    files = fsspec.filesystem("memory")
    root = str(tmp_path) if request.param == "local" else f"memory://{tmp_path}"

    def put(name: str, data: bytes = b"{}\n") -> None:
        with fsspec.open(f"{root}/{name}", "wb", auto_mkdir=True) as stream:
            stream.write(data)

    yield LandingStore(root), put
    files.store.clear()


def names(files) -> list[str]:
    return [file.uri for file in files]


def test_files_are_listed_by_name_below_their_source(landing):
    store, put = landing
    for name in ("web/b.json", "web/a/2.json", "web/a/10.json", "web2/c.json"):
        put(name)
    assert names(store.list("web").files) == [
        "web/a/10.json",
        "web/a/2.json",
        "web/b.json",
    ]
    assert names(store.list("web/").files) == names(store.list("web").files)
    assert names(store.list("web/b.json").files) == ["web/b.json"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("web/**/*.json", ["web/2026-01/a.json", "web/a.json"]),
        ("web/*.json", ["web/a.json"]),
        ("web/2026-*/*", ["web/2026-01/a.json", "web/2026-01/b.csv"]),
        ("**/[ab].json", ["web/2026-01/a.json", "web/a.json"]),
    ],
)
def test_a_pattern_chooses_among_them(landing, pattern, found):
    store, put = landing
    for name in ("web/a.json", "web/2026-01/a.json", "web/2026-01/b.csv"):
        put(name)
    assert names(store.list(pattern).files) == found


def test_hidden_and_unfinished_files_are_ignored_and_markers_kept_apart(landing):
    store, put = landing
    for name in (
        *("web/.a.json", "web/_a.json", "web/_tmp/a.json", "web/.git/x/a.json"),
        *("web/a.json.tmp", "web/a.PART", "web/d/_complete", "web/a.json"),
    ):
        put(name)
    listing = store.list("web")
    assert names(listing.files) == ["web/a.json"]
    assert names(listing.markers) == ["web/d/_complete"]
    reasons = {item.reason for item in listing.ignored}
    assert reasons == {"hidden", "unfinished"}
    assert names(store.list("web", marker="a.json").markers) == ["web/a.json"]


HOSTILE = [
    "new\nline",
    'quo"te',
    "it's",
    "; drop table",
    "{x}",
    "%s",
    "a:b",
    "é",
    "a*[b]",
]


def test_hostile_names_are_names(landing):
    store, put = landing
    for name in HOSTILE:
        put(f"web/{name}", name.encode())
    files = store.list("web").files
    assert names(files) == sorted(f"web/{name}" for name in HOSTILE)
    for file in files:
        with store.open(file) as stream:
            assert stream.read() == file.uri.removeprefix("web/").encode()
        assert store.sha256(file) == hashlib.sha256(file.uri[4:].encode()).digest()


@pytest.mark.parametrize("path", ["../web", "web/../../x", "/etc", "web//x", "", "."])
def test_a_source_cannot_point_out_of_the_landing_folder(landing, path):
    with pytest.raises(ValueError, match="below the landing folder"):
        landing[0].list(path)


def test_a_changed_file_is_noticed(landing):
    store, put = landing
    put("web/a.json")
    (file,) = store.list("web").files
    assert store.is_unchanged(file)
    put("web/a.json", b"{}\n{}\n")
    assert not store.is_unchanged(file)
    assert store.list("web").files != [file]


def test_a_source_without_a_folder_is_empty(landing):
    store, put = landing
    put("web/a.json")
    assert store.list("mobile").files == []


def test_parquet_is_read_from_any_store(landing):
    store, put = landing
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2]}), buffer)
    put("web/a.parquet", buffer.getvalue())
    (file,) = store.list("web").files
    with store.open(file) as stream:
        records = read_records(stream, name=file.uri)
        assert [record.value for record in records] == [{"a": 1}, {"a": 2}]


def test_symbolic_links_and_what_is_no_file_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text("{}")
    web = tmp_path / "landing" / "web"
    web.mkdir(parents=True)
    (web / "a.json").write_text("{}")
    (web / "link.json").symlink_to(outside / "secret.json")
    (web / "folder").symlink_to(outside)
    (web / "loop").symlink_to(web)
    os.mkfifo(web / "pipe")
    (web / os.fsdecode(b"\xff.json")).write_text("{}")
    store = LandingStore(str(tmp_path / "landing"))
    listing = store.list("web")
    assert names(listing.files) == ["web/a.json"]
    assert {item.uri: item.reason for item in listing.ignored} == {
        "web/link.json": "symbolic_link",
        "web/folder": "symbolic_link",
        "web/loop": "symbolic_link",
        "web/pipe": "not_a_file",
        "web/\\udcff.json": "unreadable_name",
    }
    # What became a link after it was listed is not followed either.
    (web / "a.json").unlink()
    (web / "a.json").symlink_to(outside / "secret.json")
    with pytest.raises(LandingUnreachable):
        store.open(listing.files[0])
    assert not store.is_unchanged(listing.files[0])


def file_at(modified_at: datetime, placed_at: datetime | None) -> LandingFile:
    return LandingFile("web/a.json", 3, modified_at, "", placed_at)


@pytest.mark.parametrize(
    ("modified", "placed", "seen", "is_ready"),
    [
        pytest.param(59, 59, None, False, id="written 59 seconds ago"),
        pytest.param(60, 60, None, True, id="left alone for a minute"),
        pytest.param(59, None, None, False, id="no time of placing, too young"),
        pytest.param(60, None, None, True, id="no time of placing, old enough"),
        pytest.param(5, 1, None, True, id="renamed into place"),
        pytest.param(-9_999_999, 59, None, False, id="dated in the future, young"),
        pytest.param(-9_999_999, 60, None, True, id="dated in the future, left alone"),
        pytest.param(-300, -300, 60, True, id="store's clock ahead, seen a minute ago"),
        pytest.param(-300, -300, 59, False, id="store's clock ahead, just seen"),
    ],
)
def test_a_file_is_ready_when_left_alone_or_renamed(
    tmp_path, modified, placed, seen, is_ready
):
    now = WRITTEN + timedelta(days=1)

    def ago(seconds):
        return None if seconds is None else now - timedelta(seconds=seconds)

    store = LandingStore(str(tmp_path))
    file = file_at(ago(modified), ago(placed))
    assert store.is_ready(file, now=now, seen_at=ago(seen)) is is_ready


def test_a_file_renamed_into_place_is_ready_at_once(tmp_path):
    (tmp_path / "web").mkdir()
    store = LandingStore(str(tmp_path))
    draft = tmp_path / "web" / ".a.json"
    draft.write_text("{}")
    # A rename in the same clock tick as the last write cannot be told from a write.
    os.utime(draft, ns=(draft.stat().st_atime_ns, draft.stat().st_mtime_ns - 10**7))
    draft.rename(tmp_path / "web" / "a.json")
    (file,) = store.list("web").files
    assert store.is_ready(file, now=file.placed_at)


def test_a_file_being_written_is_not_ready(tmp_path):
    (tmp_path / "web").mkdir()
    store = LandingStore(str(tmp_path))
    with (tmp_path / "web" / "a.json").open("w") as stream:
        stream.write("{}")
        stream.flush()
        (file,) = store.list("web").files
        assert not store.is_ready(file, now=file.placed_at)


def test_a_store_out_of_reach_says_so_and_tells_no_secrets(tmp_path, monkeypatch):
    with pytest.raises(LandingUnreachable, match="does not exist"):
        LandingStore(str(tmp_path / "nowhere")).list("web")
    with pytest.raises(LandingUnreachable, match="does not exist"):
        LandingStore("memory://nowhere").list("web")
    with pytest.raises(LandingUnreachable):
        LandingStore("nosuch://user:secret@host/x")

    store = LandingStore("memory://here")

    def fail(*_, **__):
        raise RuntimeError("https://host/x?signature=secret")

    monkeypatch.setattr(fsspec.filesystem("memory"), "find", fail, raising=False)
    with pytest.raises(
        LandingUnreachable, match=r"list the landing store: RuntimeError$"
    ):
        store.list("web")


def test_a_folder_that_may_not_be_read_is_out_of_reach_and_not_empty(
    tmp_path, monkeypatch
):
    (tmp_path / "web").mkdir()

    def refuse(_):
        raise PermissionError(13, "Permission denied", "/private/name")

    # Root may read everything, so that rights alone would not do.
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(LandingUnreachable, match="Permission denied") as raised:
        LandingStore(str(tmp_path)).list("web")
    assert "/private" not in str(raised.value)


def test_a_file_that_is_gone_is_out_of_reach(landing):
    store, put = landing
    put("web/a.json")
    (file,) = store.list("web").files
    gone = file._replace(uri="web/b.json")
    assert not store.is_unchanged(gone)
    with pytest.raises(LandingUnreachable, match="not there"):
        store.open(gone)


def test_a_read_that_fails_half_way_says_so():
    class Cut(io.BytesIO):
        def read(self, *_):
            raise ConnectionResetError(104, "Connection reset by peer", "name")

    with pytest.raises(LandingUnreachable, match=r"Connection reset by peer$"):
        list(read_records(LandingStream(Cut()), name="a.json"))
