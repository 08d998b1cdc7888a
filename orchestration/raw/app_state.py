"""How far each canonical table was extracted, and what the ledgers say of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from orchestration.raw.app_history import Moment, Written


@dataclass(frozen=True)
class Progress:
    """Where the extraction of one table stands.

    Attributes
    ----------
    extracted_through : datetime or None
        The newest change stamp seen, but not beyond the source's clock; None before
        the first.
    swept_at : datetime
        By the source's clock.
    """

    mapping_hash: str
    extracted_through: datetime | None
    swept_at: datetime


def read_progress(
    warehouse: psycopg.Connection, source_name: str
) -> dict[str, Progress]:
    """Return the progress of every table of a source."""
    rows = warehouse.execute(
        "select table_name, mapping_hash, extracted_through, swept_at "
        "from ops.app_extracts where source = %s",
        (source_name,),
    )
    return {name: Progress(*rest) for name, *rest in rows}


def save_progress(
    warehouse: psycopg.Connection, source_name: str, table_name: str, progress: Progress
) -> None:
    """Remember how far a table was extracted."""
    warehouse.execute(
        """
        insert into ops.app_extracts as stored
            (source, table_name, mapping_hash, extracted_through, swept_at)
        values (%s, %s, %s, %s, %s)
        on conflict (source, table_name) do update
        set
            mapping_hash = excluded.mapping_hash,
            extracted_through = excluded.extracted_through,
            swept_at = excluded.swept_at
        """,
        (
            source_name,
            table_name,
            progress.mapping_hash,
            progress.extracted_through,
            progress.swept_at,
        ),
    )


def next_load_id(warehouse: psycopg.Connection) -> int:
    """Reserve a load id: history names its load before the ledger can count it."""
    row = warehouse.execute(
        "select nextval(pg_get_serial_sequence('ops.loads', 'load_id'))"
    ).fetchone()
    return int(row[0]) if row else 0


def record_load(
    warehouse: psycopg.Connection,
    source_name: str,
    moment: Moment,
    written: Written,
    *,
    registry_version: int | None,
) -> int:
    """Write the ledger row of an extract and its touched days; return their count."""
    warehouse.execute(
        """
        insert into ops.loads (
            load_id, kind, source, registry_version, started_at,
            record_count, accepted_count, replaced_count, removed_count
        )
        overriding system value
        values (%s, 'extract', %s, %s, now(), %s, %s, %s, %s)
        """,
        (
            moment.load_id,
            source_name,
            registry_version,
            written.opened + written.removed,
            written.opened,
            written.closed,
            written.removed,
        ),
    )
    touched = warehouse.execute(
        """
        insert into ops.touched_days (load_id, occurred_on, event_name, row_count)
        select %s, occurred_on, event_name, sum(row_count)
        from pg_temp.touched
        group by occurred_on, event_name
        order by occurred_on, event_name
        """,
        (moment.load_id,),
    )
    return touched.rowcount


def move_watermark(
    warehouse: psycopg.Connection,
    source_name: str,
    *,
    snapshot_at: datetime,
    overlap: timedelta,
) -> None:
    """Say how far the source is complete: a transaction may last the overlap."""
    warehouse.execute(
        """
        insert into ops.watermarks as stored (source, data_complete_through, rule)
        values (%s, %s, 'arrival')
        on conflict (source) do update
        set
            data_complete_through = excluded.data_complete_through,
            updated_at = clock_timestamp()
        where stored.data_complete_through < excluded.data_complete_through
        """,
        (source_name, snapshot_at - overlap),
    )
