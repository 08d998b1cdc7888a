"""Where landing files may lie: a local folder, or any store that fsspec reaches."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fsspec.core import url_to_fs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Stores in which a name appears only once all bytes are there.
_WHOLE_FILE_PROTOCOLS = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "wasb", "oci", "oss"}
)
# What the many stores call the time of the last change, and the version.
_TIME_KEYS = (
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "modified",
    "created",
)
_ETAG_KEYS = ("ETag", "etag", "md5Hash", "content_md5", "version_id")


class LandingUnreachable(Exception):  # noqa: N818  a state of the world, not a bug
    """The landing store cannot be listed or read; trying again later may help."""


class LandingFileGone(LandingUnreachable):
    """A file that was listed is no longer there."""


class Entry(NamedTuple):
    """A name in a store; with a `problem` it is not a file that can be loaded."""

    path: str
    size: int = 0
    modified_at: datetime = _EPOCH
    etag: str = ""
    placed_at: datetime | None = None
    problem: str | None = None


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Turn whatever a store raises into `LandingUnreachable`."""
    try:
        yield
    except LandingUnreachable:
        raise
    except FileNotFoundError:
        msg = f"could not {doing} the landing store: not there"
        raise LandingFileGone(msg) from None
    except Exception as error:  # noqa: BLE001  every store raises its own kinds
        # Only the kind is told: messages of stores hold names, keys and signed URLs.
        msg = f"could not {doing} the landing store: {_kind(error)}"
        raise LandingUnreachable(msg) from None


def is_hidden(name: str) -> bool:
    """Tell whether a name is one that its writer does not want to be read."""
    return name.startswith((".", "_"))


class LocalFolder:
    """A folder of this machine. Symbolic links below it are not followed."""

    shows_whole_files = False

    def __init__(self, root: str) -> None:
        self._root = Path(root).expanduser().absolute()

    def entries(self, folder: str) -> list[Entry]:
        """List everything below a folder."""
        with guarded("list"):
            if not self._root.is_dir():
                msg = "the landing folder does not exist"
                raise LandingUnreachable(msg)
            start = self.entry(folder)
            if start is None:
                return []
            return list(self._below(start))

    def entry(self, path: str) -> Entry | None:
        """Look at one name; None if it is not there."""
        try:
            status = (self._root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _local_entry(path, status)

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        with guarded("open a file of"):
            # O_NOFOLLOW: it may have become a link since it was listed. O_NONBLOCK:
            # or a pipe, whose opening would wait for a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            return os.fdopen(os.open(self._root / path, flags), "rb")

    def _below(self, start: Entry) -> Iterator[Entry]:
        waiting = [start]
        while waiting:
            entry = waiting.pop()
            if entry.problem != "folder":
                yield entry
                continue
            for path in (self._root / entry.path).iterdir():
                found = self.entry(path.relative_to(self._root).as_posix())
                if found is None:
                    continue
                if found.problem == "folder" and is_hidden(path.name):
                    yield found._replace(problem="hidden")
                else:
                    waiting.append(found)


class RemoteFolder:
    """A prefix of a store that fsspec reaches."""

    def __init__(self, url: str) -> None:
        with guarded("reach"):
            self._files, root = url_to_fs(url)
        self._root = root.rstrip("/")
        self.shows_whole_files = not _WHOLE_FILE_PROTOCOLS.isdisjoint(
            [self._files.protocol]
            if isinstance(self._files.protocol, str)
            else self._files.protocol
        )

    def entries(self, folder: str) -> list[Entry]:
        """List everything below a folder."""
        with guarded("list"):
            # Else a second scan would see what the first one saw.
            self._files.invalidate_cache()
            try:
                found = self._files.find(f"{self._root}/{folder}", detail=True)
            except FileNotFoundError:
                found = {}
            if not found:
                self._refuse_missing_root()
            return [self._entry(name, info) for name, info in found.items()]

    def entry(self, path: str) -> Entry | None:
        """Look at one name; None if it is not there."""
        with guarded("look into"):
            self._files.invalidate_cache()
            name = f"{self._root}/{path}"
            try:
                return self._entry(name, self._files.info(name))
            except FileNotFoundError:
                return None

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        with guarded("open a file of"):
            return self._files.open(f"{self._root}/{path}", "rb")

    def _refuse_missing_root(self) -> None:
        # Object stores have no folders: there, the bucket is what must exist.
        root = self._root
        if self.shows_whole_files:
            root = root.lstrip("/").split("/")[0]
        if not self._files.exists(root):
            msg = "the landing folder does not exist"
            raise LandingUnreachable(msg)

    def _entry(self, name: str, info: dict) -> Entry:
        path = name[len(self._root) :].lstrip("/")
        return Entry(
            path,
            int(info.get("size") or 0),
            _instant(next((info[key] for key in _TIME_KEYS if info.get(key)), None)),
            str(next((info[key] for key in _ETAG_KEYS if info.get(key)), "")).strip(
                '"'
            ),
            problem=_problem_of_name(path)
            or (None if info.get("type", "file") == "file" else "not_a_file"),
        )


def _local_entry(path: str, status: os.stat_result) -> Entry:
    if stat.S_ISLNK(status.st_mode):
        problem = "symbolic_link"
    elif stat.S_ISDIR(status.st_mode):
        problem = "folder"
    else:
        problem = None if stat.S_ISREG(status.st_mode) else "not_a_file"
    return Entry(
        path,
        status.st_size,
        _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000),
        placed_at=_EPOCH + timedelta(microseconds=status.st_ctime_ns // 1000),
        problem=problem or _problem_of_name(path),
    )


def _problem_of_name(path: str) -> str | None:
    """Say why no table could hold a name, or why it points elsewhere."""
    if {"", ".", ".."} & set(path.split("/")):
        return "unreadable_name"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "unreadable_name"
    return "unreadable_name" if "\0" in path else None


def _instant(moment: object) -> datetime:
    if isinstance(moment, int | float):
        return _EPOCH + timedelta(microseconds=round(moment * 1_000_000))
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if not isinstance(moment, datetime):
        return _EPOCH
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _kind(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return type(error).__name__
