"""A Parquet file without the rows of one person, row group by row group."""

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from orchestration.privacy.event_erasure import ERASED
from orchestration.privacy.landing_owner import LandingOwner

if TYPE_CHECKING:
    import pyarrow as pa


def rewrite_parquet(stream: BinaryIO, draft: Path, owner: LandingOwner) -> int | None:
    """Write the rows of others to `draft`; None if there is nothing to be done.

    Returns how many rows went. Schema, metadata and compression stay.
    """
    # Arrow takes half a second to import.
    import pyarrow.parquet as pq  # noqa: PLC0415

    from orchestration.raw.formats.parquet import read_parquet  # noqa: PLC0415

    stream.seek(0)
    owned = set()
    has_mentions = False
    needles = owner.subject.needles
    for row, record in enumerate(read_parquet(stream)):
        if owner.owns(record):
            owned.add(row)
        elif needles.are_in(record.raw):
            has_mentions = True
    if not owned and not has_mentions:
        return None
    stream.seek(0)
    file = pq.ParquetFile(stream)
    codec = "none"
    if file.metadata.num_row_groups and file.metadata.num_columns:
        codec = file.metadata.row_group(0).column(0).compression.lower()
    first = 0
    with pq.ParquetWriter(
        draft,
        file.schema_arrow,
        compression="none" if codec == "uncompressed" else codec,
    ) as writer:
        for index in range(file.metadata.num_row_groups):
            group = file.read_row_group(index)
            mask = [first + row not in owned for row in range(group.num_rows)]
            first += group.num_rows
            writer.write_table(_without_mentions(group.filter(mask), owner))
    return len(owned)


def _without_mentions(table: "pa.Table", owner: LandingOwner) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415

    needles = owner.subject.needles
    for index, kept in enumerate(table.schema):
        if not (pa.types.is_string(kept.type) or pa.types.is_large_string(kept.type)):
            continue
        texts = table.column(index).to_pylist()
        changed = [
            text
            if text is None
            else needles.without(text.encode(), ERASED.encode()).decode()
            for text in texts
        ]
        if changed != texts:
            table = table.set_column(index, kept, pa.array(changed, kept.type))
    return table
