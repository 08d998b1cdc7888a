"""What was set aside, tried again: replay after a fix, release by a person, discard."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import psycopg
from msgspec.structs import replace as replaced

from orchestration.raw.chunks import Part
from orchestration.raw.intake import CHUNK_ROWS
from orchestration.raw.ledger import open_load
from orchestration.raw.loading import Circumstances
from orchestration.raw.memory import few_collections
from orchestration.raw.partitions import Partitions
from orchestration.raw.reading import read_again
from orchestration.raw.records import Batch, Record
from orchestration.raw.sources import Source
from orchestration.raw.writing import Writing, load_transaction
from orchestration.warehouse.connection import connect

Outcome = Literal["quarantined", "held", "waiting_for_consent"]

# Of a longer line only the start was kept, so it cannot be read again.
_NOT_KEPT = "line_too_long"

_OPEN = """
    select
        aside.set_aside_id, aside.line_number, aside.byte_offset, aside.record,
        aside.reason, aside.pointer
    from raw.set_aside as aside
    where
        aside.load_id = %(load_id)s
        and aside.outcome = %(outcome)s
        and aside.status = 'open'
        and aside.reason <> %(not_kept)s
        and (%(reason)s::text is null or aside.reason = %(reason)s)
        and aside.record is not null
    order by aside.line_number, aside.byte_offset, aside.set_aside_id
    for update
"""

_FILES = """
    select loads.load_id, loads.format, min(files.modified_at)
    from ops.loads as loads
    left join ops.files as files
        on loads.load_id = files.load_id and loads.file_name = files.uri
    where
        loads.source = %(source)s
        and loads.load_id in (
            select aside.load_id
            from raw.set_aside as aside
            where
                aside.source = %(source)s
                and aside.outcome = %(outcome)s
                and aside.status = 'open'
                and (%(reason)s::text is null or aside.reason = %(reason)s)
        )
    group by loads.load_id, loads.format
    order by loads.load_id
"""


@dataclass
class ReplayReport:
    """What became of the open records of a source.

    Attributes
    ----------
    released_count : int
        Records that are no longer set aside; `accepted_count` of them made a row, the
        others turned out to be copies of an event that is known.
    discarded_count : int
        Records that may not be kept: without consent, or of an erased person.
    open_count : int
        Records that are as wrong as before.
    """

    accepted_count: int = 0
    released_count: int = 0
    discarded_count: int = 0
    open_count: int = 0


class _Kept(NamedTuple):
    """A record as raw.set_aside keeps it."""

    set_aside_id: int
    line_number: int | None
    byte_offset: int | None
    record: bytes
    reason: str
    pointer: str


@few_collections()
def replay(
    url: str,
    source: Source,
    *,
    circumstances: Circumstances,
    outcome: Outcome = "quarantined",
    reason: str | None = None,
) -> ReplayReport:
    """Run the open records of a source through today's contracts.

    What passes becomes the rows that it would have been had the contract been right in
    the first place; what does not pass stays open. Once more changes nothing.

    Parameters
    ----------
    url : str
        The warehouse.
    source : Source
        As the registry says now. A replay of `held` records is a release: a person
        has looked, and being too late no longer holds them.
    circumstances : Circumstances
        Contracts, time and key.
    outcome : str
        Which of the records set aside.
    reason : str, optional
        Only those that were set aside for it.
    """
    kind = "replay"
    if outcome == "held":
        kind, source = "release", source.model_copy(update={"too_late": "load"})
    wanted = {"source": source.name, "outcome": outcome, "reason": reason}
    report = ReplayReport()
    with load_transaction(url, source.name) as connection:
        files = connection.execute(_FILES, wanted).fetchall()
        if not files:
            return report
        load_id = open_load(connection, kind, source=source.name, reason=reason)
        writing = Writing(
            connection, source=source.name, partitions=Partitions(url, connection)
        )
        for file_load_id, file_format, arrived_at in files:
            # As if the file were read again: a normaliser of its own counts the
            # identical records without an id.
            normalizer = circumstances.normalizer(source, arrived_at=arrived_at)
            for kept in _open_records(connection, {**wanted, "load_id": file_load_id}):
                records = [_record(one, file_format) for one in kept]
                batch = normalizer.normalize(records)
                _settle(connection, kept, batch, load_id=load_id, report=report)
                _write(writing, kept, batch, load_id=load_id)
        counts = writing.counts[load_id]
        counts.released_count, counts.accepted_count = counts.accepted_count, 0
        report.accepted_count = counts.released_count
        writing.finish()
        if not report.released_count and not report.discarded_count:
            connection.rollback()
    return report


def discard(
    url: str, source: str, *, outcome: Outcome, reason: str | None = None
) -> int:
    """Give up open records of a source; return how many. They are never replayed."""
    with connect(url, application_name="daybook discard") as connection:
        return connection.execute(
            """
            update raw.set_aside
            set status = 'discarded'
            where
                source = %s
                and outcome = %s
                and status = 'open'
                and (%s::text is null or reason = %s)
            """,
            (source, outcome, reason, reason),
        ).rowcount


def _open_records(
    connection: psycopg.Connection, wanted: Mapping[str, object]
) -> Iterator[list[_Kept]]:
    """Yield the open records of one file, chunk by chunk, in the order of the file."""
    with connection.cursor("open_records") as cursor:
        cursor.execute(_OPEN, {**wanted, "not_kept": _NOT_KEPT})
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield [_Kept(*row) for row in rows]


def _record(kept: _Kept, file_format: str | None) -> Record:
    """Read a record again; its line is its number in raw.set_aside for now."""
    record = read_again(kept.record, format=file_format or "ndjson")
    return replaced(record, line=kept.set_aside_id, offset=kept.byte_offset or 0)


def _write(
    writing: Writing, kept: Sequence[_Kept], batch: Batch, *, load_id: int
) -> None:
    lines = {one.set_aside_id: one.line_number for one in kept}
    batch = replace(
        batch, lines=[lines[number] for number in batch.lines], set_aside=[]
    )
    writing.write([Part(load_id, batch)])


def _settle(
    connection: psycopg.Connection,
    kept: Sequence[_Kept],
    batch: Batch,
    *,
    load_id: int,
    report: ReplayReport,
) -> None:
    """Close the records that passed or may not be kept; update why others did not."""
    still_open = {record.line: record for record in batch.set_aside}
    released = set(batch.lines)
    numbers = {one.set_aside_id for one in kept}
    discarded = numbers - released - set(still_open)
    report.released_count += len(released)
    report.discarded_count += len(discarded)
    report.open_count += len(still_open)
    close = """
        update raw.set_aside
        set
            status = %s,
            released_by = %s,
            record = case when %s then record end
        where set_aside_id = any(%s)
    """
    connection.execute(close, ("released", load_id, True, sorted(released)))
    connection.execute(close, ("discarded", load_id, False, sorted(discarded)))
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            update raw.set_aside
            set reason = %s, pointer = %s, expected = %s, contract_version = %s
            where set_aside_id = %s
            """,
            [
                (
                    record.reason,
                    record.pointer,
                    record.expected,
                    record.contract_version,
                    number,
                )
                for number, record in still_open.items()
            ],
        )
