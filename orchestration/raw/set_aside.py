"""Records that were read and not accepted: kept with the reason, in raw.set_aside."""

from collections.abc import Iterable, Sequence

import psycopg

from orchestration.raw.bulk import copy_rows
from orchestration.raw.chunks import Chunk, Part
from orchestration.raw.row_columns import Row

_COLUMNS = (
    "load_id",
    "source",
    "outcome",
    "reason",
    "pointer",
    "expected",
    "contract_version",
    "event_name",
    "event_id",
    "line_number",
    "byte_offset",
    "record",
)

_INSERT_CONFLICT = """
    insert into raw.set_aside (
        load_id, source, outcome, reason, contract_version, event_name, event_id,
        event_key, payload_hash, line_number, record
    )
    values (%s, %s, 'conflict', 'conflict', %s, %s, %s, %s, %s, %s, %s)
    on conflict (event_key, payload_hash) where outcome = 'conflict' do nothing
"""


def copy_set_aside(
    connection: psycopg.Connection, source: str, parts: Iterable[Part]
) -> None:
    """Keep the records that normalising set aside."""
    records = [
        (
            part.load_id,
            source,
            record.outcome,
            record.reason,
            record.pointer,
            record.expected,
            record.contract_version,
            record.event_name,
            record.event_id,
            record.line,
            record.offset,
            record.raw,
        )
        for part in parts
        for record in part.batch.set_aside
    ]
    if records:
        copy_rows(connection, "raw.set_aside", _COLUMNS, records)


def insert_conflicts(
    connection: psycopg.Connection, source: str, chunk: Chunk, positions: Iterable[int]
) -> None:
    """Keep copies that lost to one with another payload, once per payload."""
    with connection.cursor() as cursor:
        cursor.executemany(
            _INSERT_CONFLICT,
            [
                (
                    chunk.load_ids[position],
                    source,
                    row.contract_version,
                    row.event_name,
                    row.event_id,
                    row.event_key,
                    row.payload_hash,
                    chunk.lines[position],
                    chunk.raws[position],
                )
                for position in positions
                for row in (chunk.rows[position],)
            ],
        )


def insert_replaced_conflicts(
    connection: psycopg.Connection, conflicts: Sequence[tuple]
) -> None:
    """Keep stored rows that a better copy with another payload replaced.

    Each is (load id, source, contract version, event name, event id, event key,
    payload hash, record); the record is the stored row, since its bytes are gone.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            _INSERT_CONFLICT,
            [(*columns[:7], None, columns[7]) for columns in conflicts],
        )


def withdraw_conflicts(connection: psycopg.Connection, rows: Sequence[Row]) -> None:
    """Forget that a payload lost, now that a copy carrying it has won."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            delete from raw.set_aside
            where outcome = 'conflict' and event_key = %s and payload_hash = %s
            """,
            [(row.event_key, row.payload_hash) for row in rows],
        )
