"""Landing files: writes what was received on a day, in the form each source has.

Files are compressed by threads while the next day is planned. The same lines give the
same bytes: no times, no names of machines in any header.
"""

import io
import os
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import zstandard

from orchestration.simulation.world import SECOND, World

LINES_PER_FILE = 100_000
# JSON batches are refused above 64 MB; these have 25 MB at most.
EVENTS_PER_BATCH = 40_000
WAITING_FILES = 4
EXTENSIONS = {
    "web": "ndjson.gz",
    "mobile": "json.zst",
    "server": "parquet",
    "legacy": "ndjson",
    "access_log": "log",
}


@dataclass(frozen=True)
class WrittenFile:
    """A landing file: its place below the landing folder and what is in it."""

    source: str
    name: str
    day: int
    record_count: int
    byte_count: int


@dataclass(frozen=True)
class Lines:
    """Good lines, with their line ends or leading commas, and malformed ones."""

    good: pl.Series
    malformed: list[bytes]

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self.good) + len(self.malformed)


Part = Lines | pl.DataFrame | list[bytes]


class Landing:
    """Writes landing files below a folder.

    Parameters
    ----------
    folder : Path
        The landing folder; each source has a folder in it.
    first_day : int
        Files of earlier days are there already and are left alone.
    """

    def __init__(self, folder: Path, *, world: World, first_day: int = 0) -> None:
        self.folder = folder
        self.world = world
        self.first_day = first_day
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._waiting: list[Future[WrittenFile]] = []
        self.files: list[WrittenFile] = []

    def write_lines(
        self, source: str, day: int, lines: pl.Series, malformed: list[bytes]
    ) -> None:
        """Write the lines of a day, in as many files as they need.

        The malformed records lie in the middle of the first file.
        """
        size = EVENTS_PER_BATCH if source == "mobile" else LINES_PER_FILE
        for number, start in enumerate(range(0, len(lines), size)):
            part = Lines(lines.slice(start, size), malformed if not number else [])
            self._submit(source, day, number, part, _line_bytes)

    def write_frame(self, source: str, day: int, frame: pl.DataFrame) -> None:
        """Write the rows of a day as Parquet."""
        if len(frame):
            self._submit(source, day, 0, frame, _parquet_bytes)

    def write_bytes(self, source: str, day: int, lines: list[bytes]) -> None:
        """Write lines that need not be text."""
        if lines:
            self._submit(source, day, 0, lines, _plain_bytes)

    def finish(self) -> None:
        """Wait until everything is written."""
        while self._waiting:
            self._take()
        self._pool.shutdown()

    def _take(self) -> None:
        self.files.append(self._waiting.pop(0).result())

    def _submit(
        self, source: str, day: int, number: int, part: Part, pack: Callable
    ) -> None:
        if day < self.first_day:
            return
        # A few files may wait; more would hold the world in memory.
        while len(self._waiting) >= WAITING_FILES:
            self._take()
        self._waiting.append(
            self._pool.submit(self._write, source, day, number, part, pack)
        )

    def _write(
        self, source: str, day: int, number: int, part: Part, pack: Callable
    ) -> WrittenFile:
        extra = f".{number}" if number else ""
        date = self.world.date_of(day)
        name = f"{source}/{source}-{date}{extra}.{EXTENSIONS[source]}"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = pack(source, part)
        # Renamed into place: a loader never sees half a file.
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(content)
        # Dated as if it had come in the night after its day: the rename is then later
        # than the content, which is how a loader knows that the file is whole.
        came_at = self.world.start_of(day + 1) / SECOND
        os.utime(partial, (came_at, came_at))
        partial.rename(path)
        return WrittenFile(source, name, day, len(part), len(content))


def _text_of(lines: pl.Series) -> memoryview:
    """Return all lines as one block of bytes, without copying each."""
    array = lines.rechunk().to_arrow().cast(pa.large_string())
    if array.offset:
        array = pa.concat_arrays([array])
    offsets, data = array.buffers()[1:]
    ends = memoryview(offsets).cast("q")
    return memoryview(data)[ends[0] : ends[len(array)]]


def _line_bytes(source: str, lines: Lines) -> bytes:
    middle = len(lines.good) // 2
    texts = (lines.good.slice(0, middle), lines.good.slice(middle))
    if source == "mobile":
        before, after = map(_text_of, texts)
        broken = b"".join(b"," + line for line in lines.malformed)
        inner = b"".join([before, broken, after])
        batch = b"".join([b'{"events":[', memoryview(inner)[1:], b"]}"])
        return zstandard.ZstdCompressor(level=1).compress(batch)
    before, after = map(_text_of, texts)
    broken = b"".join(line + b"\n" for line in lines.malformed)
    # wbits 31 writes a gzip header without a time.
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [packer.compress(part) for part in (before, broken, after)]
    return b"".join([*parts, packer.flush()])


def _parquet_bytes(_: str, frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def _plain_bytes(_: str, lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)
