"""The landing store: what files are there, whether they are finished, their bytes.

A local folder or any URL that fsspec knows. Nothing here is written, moved or deleted.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import BinaryIO, NamedTuple, Self

from fsspec.utils import glob_translate

from orchestration.raw.stores import (
    Entry,
    LandingUnreachable,
    LocalFolder,
    RemoteFolder,
    guarded,
    is_hidden,
)

__all__ = ["Ignored", "LandingFile", "LandingStore", "LandingUnreachable", "Listing"]

SETTLE = timedelta(seconds=60)
UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload", "~")
MARKER = "_complete"

_READ_SIZE = 1 << 20
_WILDCARDS = frozenset("*?[")


class LandingFile(NamedTuple):
    """A file of a source, as the store reports it.

    Attributes
    ----------
    uri : str
        Its path below the root, with forward slashes.
    modified_at, etag
        With the size they tell, unread, whether a file is still the same one.
    placed_at : datetime or None
        When a local file was last written, renamed or given other rights; None in
        stores that do not tell, or in which a file appears only when it is whole.
    """

    uri: str
    size_bytes: int
    modified_at: datetime
    etag: str = ""
    placed_at: datetime | None = None


class Ignored(NamedTuple):
    """A name that is no file to load, and why: hidden, unfinished, link, …."""

    uri: str
    reason: str


class Listing(NamedTuple):
    """What a scan of a source found, each list in the order of names."""

    files: list[LandingFile]
    markers: list[LandingFile]
    ignored: list[Ignored]


class LandingStore:
    """The files below one root.

    Parameters
    ----------
    url : str
        A folder, or a URL such as `s3://bucket/landing`.
    settle : timedelta
        How long a file must have been left alone to count as finished.
    """

    def __init__(self, url: str, *, settle: timedelta = SETTLE) -> None:
        self._settle = settle
        path = url.removeprefix("file://")
        self._folder = LocalFolder(path) if "://" not in path else RemoteFolder(url)

    def list(self, path: str, *, marker: str = MARKER) -> Listing:
        """List the files of a source.

        Parameters
        ----------
        path : str
            A folder below the root, or a pattern in which `*` stands for part of a
            name and `**` for any number of folders.
        marker : str
            The name of the files by which a source says that a folder is complete.

        Raises
        ------
        LandingUnreachable
            When the store cannot be listed. A source's folder that does not exist is
            empty; a root that does not exist is out of reach.
        """
        folder, expression = _split_pattern(path)
        listing = Listing([], [], [])
        for entry in sorted(self._folder.entries(folder)):
            reason = entry.problem or _reason_to_ignore(entry.path, marker)
            if reason:
                listing.ignored.append(Ignored(_printable(entry.path), reason))
            elif entry.path.rpartition("/")[2] == marker:
                listing.markers.append(_file(entry))
            elif expression is None or expression.fullmatch(entry.path):
                listing.files.append(_file(entry))
        return listing

    def is_ready(
        self, file: LandingFile, *, now: datetime, seen_at: datetime | None = None
    ) -> bool:
        """Tell whether a file is finished.

        An object store shows whole files only. Elsewhere a file is finished once it
        was left alone for a while, or at once if it was renamed into place: then the
        file changed later than its content did.

        Parameters
        ----------
        now : datetime
            The time of the scan.
        seen_at : datetime or None
            When this very file (name, size, times) was first seen, if that is known:
            the clock of the store may be wrong, ours is then enough.
        """
        if self._folder.shows_whole_files:
            return True
        if seen_at and now - seen_at >= self._settle:
            return True
        if file.placed_at is None:
            return now - file.modified_at >= self._settle
        return file.placed_at > file.modified_at or now - file.placed_at >= self._settle

    def open(self, file: LandingFile) -> "LandingStream":
        """Open a file; whatever goes wrong while reading is `LandingUnreachable`."""
        return LandingStream(self._folder.open(file.uri))

    def sha256(self, file: LandingFile) -> bytes:
        """Return the digest of a file's bytes as they lie there."""
        digest = hashlib.sha256()
        with self.open(file) as stream:
            for piece in stream.pieces(_READ_SIZE):
                digest.update(piece)
        return digest.digest()

    def is_unchanged(self, file: LandingFile) -> bool:
        """Tell whether a file is still the one that was listed."""
        entry = self._folder.entry(file.uri)
        return entry is not None and not entry.problem and _file(entry) == file


class LandingStream:
    """The bytes of a landing file."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        """Return the stream itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the stream."""
        self.close()

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes; none at the end of the file."""
        with guarded("read a file of"):
            return self._stream.read(size)

    def pieces(self, size: int) -> Iterator[bytes]:
        """Give the bytes in pieces."""
        while piece := self.read(size):
            yield piece

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the file."""
        with guarded("read a file of"):
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._stream.closed

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def writable(self) -> bool:
        """Say no."""
        return False


def _file(entry: Entry) -> LandingFile:
    return LandingFile(
        entry.path, entry.size, entry.modified_at, entry.etag, entry.placed_at
    )


def _reason_to_ignore(path: str, marker: str) -> str | None:
    *folders, name = path.split("/")
    shown = folders if name == marker else [*folders, name]
    if any(is_hidden(part) for part in shown):
        return "hidden"
    return "unfinished" if name.lower().endswith(UNFINISHED_SUFFIXES) else None


def _split_pattern(path: str) -> tuple[str, re.Pattern[str] | None]:
    """Return the folder to look into, and what a name must match if that is less."""
    parts = path.strip("/").split("/")
    if path.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        msg = f"not a path below the landing folder: {path!r}"
        raise ValueError(msg)
    plain = list(takewhile(lambda part: not _WILDCARDS & set(part), parts))
    expression = None
    if len(plain) < len(parts):
        expression = re.compile(glob_translate("/".join(parts)))
    return "/".join(plain), expression


def _printable(path: str) -> str:
    """Return a name that any log or table can hold."""
    return path.encode(errors="backslashreplace").decode().replace("\0", "\\0")
