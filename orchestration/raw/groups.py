"""Files that are loaded together: one transaction, one ledger row each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import date

import psycopg

from orchestration.raw.chunks import Part
from orchestration.raw.ledger import (
    Counts,
    FileLoad,
    FileSeen,
    open_file_loads,
    record_files,
)
from orchestration.raw.partitions import Partitions
from orchestration.raw.read_ahead import reading_ahead
from orchestration.raw.records import Batch
from orchestration.raw.scanning import loaded_contents
from orchestration.raw.writing import Writing, load_transaction


def _none() -> int:
    return 0


@dataclass
class ReadFile:
    """A file of which the first chunk has been read, and often all of it.

    Attributes
    ----------
    load : FileLoad
        What the ledger will say of its content.
    seen : sequence of FileSeen
        The names under which the content was found.
    first : Batch
        Its first chunk, normalised.
    rest : iterator of Batch
        Its further chunks; reading them may refuse the file, and with it the group,
        so a file that has any is loaded alone.
    blank_count : callable
        Says, after the last chunk, how many blank lines there were.
    is_whole : bool
        Whether the first chunk is all there is.
    """

    load: FileLoad
    seen: Sequence[FileSeen]
    first: Batch
    rest: Iterator[Batch] = field(default_factory=lambda: iter(()))
    blank_count: Callable[[], int] = _none
    is_whole: bool = True


@dataclass(frozen=True)
class GroupLoaded:
    """What loading a group did, by SHA-256; contents taken by others are left out."""

    load_ids: dict[bytes, int]
    counts: dict[bytes, Counts]
    replaced_count: int
    days: frozenset[date]


def load_group(url: str, source: str, files: Sequence[ReadFile]) -> GroupLoaded:
    """Load files in one transaction: everything they lead to is written, or nothing."""
    with load_transaction(url, source) as connection:
        load_ids = open_file_loads(connection, source, [file.load for file in files])
        writing = Writing(
            connection, source=source, partitions=Partitions(url, connection)
        )
        ours = [file for file in files if file.load.sha256 in load_ids]
        with ExitStack() as stack:
            # Longer files are read on while their first chunks are written.
            rests = [stack.enter_context(_rest(file)) for file in ours]
            writing.write(
                [Part(load_ids[each.load.sha256], each.first) for each in ours]
            )
            for file, rest in zip(ours, rests, strict=True):
                load_id = load_ids[file.load.sha256]
                for batch in rest:
                    writing.write([Part(load_id, batch)])
                writing.counts[load_id].blank_count = file.blank_count()
        writing.finish()
        _remember(connection, source, files)
    return GroupLoaded(
        load_ids=load_ids,
        counts={sha256: writing.counts[key] for sha256, key in load_ids.items()},
        replaced_count=sum(item.replaced_count for item in writing.counts.values()),
        days=frozenset(writing.touched.days),
    )


def _rest(file: ReadFile) -> AbstractContextManager[Iterator[Batch]]:
    return nullcontext(file.rest) if file.is_whole else reading_ahead(file.rest)


def _remember(
    connection: psycopg.Connection, source: str, files: Sequence[ReadFile]
) -> None:
    """Record the names of all files, also of those that another load has taken."""
    hashes = [file.load.sha256 for file in files]
    load_ids = loaded_contents(connection, source, hashes)
    for file in files:
        sha256 = file.load.sha256
        record_files(
            connection, source, file.seen, sha256=sha256, load_id=load_ids[sha256]
        )
