"""The search through files: whatever lies there, unpacked where it is packed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from orchestration.privacy.needles import Needles
from orchestration.raw.formats.compression import compression_of, decompressed
from orchestration.raw.formats.detection import PARQUET_MAGIC
from orchestration.raw.formats.refusals import Refused

_PIECE = 1 << 20
# Longer than any identifier may be, however it is spelled.
_OVERLAP = 8 << 10


@dataclass
class FilesSearched:
    """What a search through files found.

    Attributes
    ----------
    hits : list of str
        Files that name the person, below the root they were searched under.
    damaged : list of str
        Files that could be unpacked only in part.
    """

    file_count: int = 0
    hits: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def search_files(
    roots: Sequence[Path], needles: Needles, *, without: Sequence[Path] = ()
) -> FilesSearched:
    """Search every file below the roots, except below `without`."""
    found = FilesSearched()
    seen: set[Path] = set()
    for root in roots:
        for path in _files(root, without):
            if path in seen:
                continue
            seen.add(path)
            found.file_count += 1
            name = path.relative_to(root).as_posix()
            if needles.are_in(name.encode(errors="surrogateescape")):
                # The name itself says who it is about, so it is not repeated.
                found.hits.append("a file named after the person")
            try:
                if _names_person(path, needles):
                    found.hits.append(name)
            except Refused:
                found.damaged.append(name)
    return found


def _files(root: Path, without: Sequence[Path]) -> Iterator[Path]:
    if not root.is_dir():
        return
    for path in sorted(root.iterdir()):
        if path in without or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path, without)
        elif path.is_file():
            yield path


def _names_person(path: Path, needles: Needles) -> bool:
    with path.open("rb") as stream:
        start = stream.read(16)
        stream.seek(0)
        if start.startswith(PARQUET_MAGIC):
            return _search_parquet(stream, needles)
        packing = compression_of(start)
        plain = decompressed(stream, packing)
        return _search_stream(cast("BinaryIO", plain), needles)


def _search_parquet(stream: BinaryIO, needles: Needles) -> bool:
    # Arrow takes half a second to import.
    from orchestration.raw.formats.parquet import read_parquet  # noqa: PLC0415

    return any(needles.are_in(record.raw) for record in read_parquet(stream))


def _search_stream(stream: BinaryIO, needles: Needles) -> bool:
    kept = b""
    is_first = True
    while True:
        piece = stream.read(_PIECE)
        text = kept + piece
        for begin, end in needles.places(text):
            # At a cut nobody knows whether a word goes on: the other piece tells.
            if (begin > 0 or is_first) and (end < len(text) or not piece):
                return True
        if not piece:
            return False
        is_first = is_first and len(text) <= _OVERLAP
        kept = text[-_OVERLAP:]
