"""Erasure in landing files: each is written again without the person, or left alone.

A file keeps its name, time and packing. Its new content is known to the ledger before
it lies there, under the load of the old one, so that no scan loads it again.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import psycopg
import zstandard

from orchestration.privacy.documents import Edit, apply_edits, find_edits
from orchestration.privacy.event_erasure import ERASED
from orchestration.privacy.landing_owner import LandingOwner
from orchestration.privacy.parquet_rewriting import rewrite_parquet
from orchestration.privacy.subjects import Subject
from orchestration.raw.formats.compression import compression_of, decompressed
from orchestration.raw.formats.detection import UTF8_MARK
from orchestration.raw.formats.refusals import Refused
from orchestration.raw.landing import LandingFile, LandingStore
from orchestration.raw.loading import Circumstances, read_circumstances
from orchestration.raw.normalize import Normalizer
from orchestration.raw.preparing import Preparation
from orchestration.raw.reading import RecordReader
from orchestration.raw.sources import Source
from orchestration.settings import Settings
from orchestration.warehouse.connection import connect


@dataclass
class LandingErased:
    """What became of the landing files of a source.

    Attributes
    ----------
    unreadable : list of str
        Files that are not what they should be, and were left as they are.
    """

    record_count: int = 0
    file_count: int = 0
    unreadable: list[str] = field(default_factory=list)


def local_landing(url: str) -> Path | None:
    """Return the landing folder; None if it is a store of somebody else."""
    path = url.removeprefix("file://")
    return None if "://" in path else Path(path).expanduser().absolute()


def erase_landing(url: str, *, settings: Settings, subject: Subject) -> LandingErased:
    """Take the person's records out of the files of every source that is ours to write.

    Another's store is left alone; the receipt says so.
    """
    report = LandingErased()
    root = local_landing(settings.landing_url)
    if root is None or not root.is_dir():
        return report
    circumstances = read_circumstances(settings, now=datetime.now(tz=UTC), url=url)
    for source in circumstances.sources.values():
        owner = LandingOwner(
            subject,
            source,
            preparation=Preparation(
                source,
                circumstances.contracts,
                pseudonym_key=circumstances.pseudonym_key,
            ),
            normalizer=partial(_normalizer, circumstances, source),
        )
        for file in LandingStore(str(root)).list(source.path).files:
            try:
                removed = _erase_file(url, root / file.uri, file, owner)
            except Refused:
                report.unreadable.append(file.uri)
                continue
            if removed is not None:
                report.file_count += 1
                report.record_count += removed
    return report


def _normalizer(
    circumstances: Circumstances, source: Source, arrived_at: datetime
) -> Normalizer:
    return circumstances.normalizer(source, arrived_at=arrived_at)


def _erase_file(
    url: str, path: Path, file: LandingFile, owner: LandingOwner
) -> int | None:
    """Write one file again; None if it does not speak of the person."""
    if not owner.is_parsed_anyway and not _hints(path, owner):
        return None
    owner.begin_file(file.modified_at)
    draft = path.with_name(f".{path.name}.erasing")
    try:
        removed = _write(path, draft, file, owner)
        if removed is None:
            return None
        status = path.stat()
        os.utime(draft, ns=(status.st_atime_ns, status.st_mtime_ns))
        draft.chmod(status.st_mode)
        with connect(url, application_name="daybook erase") as connection:
            _register(connection, owner.source.name, file, draft)
        draft.replace(path)
        _sync(path.parent)
        return removed
    finally:
        draft.unlink(missing_ok=True)


def _hints(path: Path, owner: LandingOwner) -> bool:
    """Whether a name of the person stands in a file, or an escape that may be one."""
    with path.open("rb") as stream:
        start = stream.read(16)
        if start.startswith(b"PAR1"):
            return True
        stream.seek(0)
        plain = decompressed(stream, compression_of(start))
        kept = b""
        while piece := plain.read(1 << 20):
            text = kept + piece
            if any(hint in text for hint in owner.hints):
                return True
            kept = text[-8192:]
    return False


def _write(
    path: Path, draft: Path, file: LandingFile, owner: LandingOwner
) -> int | None:
    with path.open("rb") as stream:
        reader = RecordReader(
            stream,
            name=file.uri,
            format=owner.source.format,
            batch_key=owner.source.batch_key,
        )
        if reader.format == "parquet":
            return rewrite_parquet(stream, draft, owner)
        edits = list(_edits(stream, reader, owner))
        mentions = _Mentions(owner)
        stream.seek(0)
        plain = decompressed(stream, reader.compression)
        pieces = mentions.replaced(apply_edits(plain, edits))
        with draft.open("wb") as target:
            for piece in _packed(pieces, reader.compression):
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
    if not edits and not mentions.count:
        return None
    return sum(edit.removed_count for edit in edits)


def _edits(
    stream: BinaryIO, reader: RecordReader, owner: LandingOwner
) -> Iterator[Edit]:
    stream.seek(0)
    plain = decompressed(stream, reader.compression)
    start = plain.read(len(UTF8_MARK))
    offset = len(start) if start == UTF8_MARK else 0
    if not offset:
        stream.seek(0)
        plain = decompressed(stream, reader.compression)
    return find_edits(
        plain,
        format=reader.format,
        batch_key=owner.source.batch_key,
        owned=owner.owns,
        offset=offset,
    )


class _Mentions:
    """Names of the person in what others sent, replaced line by line."""

    def __init__(self, owner: LandingOwner) -> None:
        self._needles = owner.subject.needles
        self.count = 0

    def replaced(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        kept = b""
        for piece in pieces:
            head, newline, rest = piece.rpartition(b"\n")
            if not newline:
                kept += piece
                continue
            yield self._without(kept + head + newline)
            kept = rest
        yield self._without(kept)

    def _without(self, text: bytes) -> bytes:
        found = self._needles.without(text, ERASED.encode())
        self.count += found != text
        return found


def _packed(pieces: Iterable[bytes], compression: str | None) -> Iterator[bytes]:
    if compression == "gzip":
        # wbits 31 writes a gzip header without a time: the same file, however often.
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    elif compression == "zstd":
        packer = zstandard.ZstdCompressor(level=3).compressobj()
    else:
        yield from pieces
        return
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _register(
    connection: psycopg.Connection, source: str, file: LandingFile, draft: Path
) -> None:
    """Let the ledger know the new content as one of the old one's load."""
    digest = hashlib.sha256(draft.read_bytes()).digest()
    connection.execute(
        """
        insert into ops.files (
            source, uri, size_bytes, modified_at, etag, sha256, load_id, status, reason
        )
        select
            source, uri, %(new_size)s, modified_at, etag, %(sha256)s, load_id, status,
            reason
        from ops.files
        where
            source = %(source)s
            and uri = %(uri)s
            and size_bytes = %(size)s
            and modified_at = %(modified_at)s
        on conflict (source, uri, size_bytes, modified_at, etag)
        do update set sha256 = excluded.sha256
        """,
        {
            "source": source,
            "uri": file.uri,
            "size": file.size_bytes,
            "modified_at": file.modified_at,
            "new_size": draft.stat().st_size,
            "sha256": digest,
        },
    )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
