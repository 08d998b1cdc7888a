"""A landing file from its first byte to normalised batches, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO, cast

from orchestration.raw.groups import ReadFile
from orchestration.raw.landing import LandingFile, LandingStore, LandingStream
from orchestration.raw.ledger import FileLoad, FileSeen
from orchestration.raw.normalize import Normalizer
from orchestration.raw.reading import read_records
from orchestration.raw.records import Batch, Record, joined

# So many records are still in the processor's cache when the last of their columns is
# packed; by whole chunks, normalising took half as long again.
PIECE_ROWS = 1_000
PIECE_BYTES = 1 << 20
_RUN_ROWS = 50

# Three chunks are in memory, one that is written and two read ahead. The more keys a
# chunk has, the fewer pages of their index the server visits for each of them.
CHUNK_ROWS = 25_000
CHUNK_BYTES = 32 << 20

_BLOCK = 1 << 20

# Told a file's name, how many of its bytes were read, and how many of its records.
Progress = Callable[[str, int, int], None]

Normalize = Callable[[list[Record]], Batch]


class ChangedError(Exception):
    """A file changed while it was read, so it was not finished after all."""


@dataclass(frozen=True)
class Intake:
    """How the files of one source are read.

    Attributes
    ----------
    store : LandingStore
        Where they are.
    format : str
        What the source declares, or `auto`.
    normalizer : callable
        Makes a normaliser for one file.
    registry_version : int or None
        The definitions in force, for the ledger.
    progress : callable or None
        Told of every chunk.
    """

    store: LandingStore
    format: str
    normalizer: Callable[[LandingFile], Normalizer]
    registry_version: int | None = None
    progress: Progress | None = None

    def hash_start(self, file: LandingFile, size: int) -> bytes:
        """Return the SHA-256 of the first `size` bytes of a file."""
        digest = hashlib.sha256()
        with self.store.open(file) as stream:
            while size > 0 and (block := stream.read(min(size, _BLOCK))):
                digest.update(block)
                size -= len(block)
        return digest.digest()

    def read(self, file: LandingFile, *, sha256: bytes) -> ReadFile:
        """Read and normalise the first chunk of a file; the rest as it is asked for.

        Raises
        ------
        Refused
            Here or by the rest, when the file cannot be loaded as a whole.
        ChangedError
            Here or by the rest, when the file is no longer the one that was hashed.
        """
        with ExitStack() as stack:
            stream = stack.enter_context(self.store.open(file))
            normalizer = self.normalizer(file)
            reader = read_records(
                cast("BinaryIO", stream),
                name=file.uri,
                format=self.format,
                plain=normalizer.plain,
            )
            normalize = partial(normalizer.normalize, again=reader.again)
            chunks = _chunks(iter(reader), normalize)
            first, is_whole = next(chunks)
            self._tell(file, stream, first.record_count)
            if is_whole:
                self._check_unchanged(file)
                rest = iter(())
            else:
                count = first.record_count
                rest = self._rest(file, stream, chunks, stack.pop_all(), count)
        return ReadFile(
            load=FileLoad(
                file_name=file.uri,
                sha256=sha256,
                size_bytes=file.size_bytes,
                format=reader.format,
                registry_version=self.registry_version,
            ),
            seen=[FileSeen(*file[:4])],
            first=first,
            rest=rest,
            blank_count=lambda: reader.blank_count,
            is_whole=is_whole,
        )

    def _rest(
        self,
        file: LandingFile,
        stream: LandingStream,
        chunks: Iterator[tuple[Batch, bool]],
        kept_open: ExitStack,
        count: int,
    ) -> Iterator[Batch]:
        with kept_open:
            for batch, _ in chunks:
                count += batch.record_count
                self._tell(file, stream, count)
                yield batch
            self._check_unchanged(file)

    def _tell(self, file: LandingFile, stream: LandingStream, count: int) -> None:
        if self.progress is not None:
            self.progress(file.uri, stream.tell(), count)

    def _check_unchanged(self, file: LandingFile) -> None:
        if not self.store.is_unchanged(file):
            raise ChangedError


def _chunks(
    records: Iterator[Record], normalize: Normalize
) -> Iterator[tuple[Batch, bool]]:
    """Normalise records to batches of a bounded size; the last one says that it is."""
    batches: list[Batch] = []
    count = size = 0
    while True:
        piece, piece_size = _piece(records, min(PIECE_ROWS, CHUNK_ROWS - count))
        if not piece:
            break
        batches.append(normalize(piece))
        count, size = count + len(piece), size + piece_size
        if count >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield joined(batches), False
            batches, count, size = [], 0, 0
    yield joined(batches), True


def _piece(records: Iterator[Record], count: int) -> tuple[list[Record], int]:
    """Read some records, fewer if they are long, and return their size too."""
    piece: list[Record] = []
    size = 0
    while len(piece) < count and size < PIECE_BYTES:
        run = list(islice(records, min(_RUN_ROWS, count - len(piece))))
        if not run:
            break
        piece += run
        size += sum([len(record.raw) for record in run])
    return piece, size
